using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text;

namespace Hnv.Controller.Http;

/// <summary>The file with the keys of our Kerberos service (MIT krb5, "The Kerberos keytab binary file format", version 0x502).</summary>
internal static class Keytab
{
    private const ushort Version2 = 0x0502;
    private const string ServicePrefix = "HTTP/";
    private const string Library = "libgssapi_krb5.so.2";
    private const int FileBytesMax = 1 << 20;

    /// <summary>
    /// Checks a keytab and has every ticket of this process accepted by its keys and no other's. The file is read anew for each ticket: new keys need no restart.
    /// </summary>
    /// <exception cref="InvalidDataException">It cannot be read, is none, holds keys of other services, or there is no Kerberos library; the message says what to do.</exception>
    public static void Use(string path)
    {
        string full = Path.GetFullPath(path);
        IReadOnlyList<string> principals = Principals(full);
        if (principals.Count == 0)
        {
            throw new InvalidDataException($"authentication.kerberos: {full} holds no key. Export the service's: kadmin -q 'ktadd -k {full} HTTP/HOST.NAME'.");
        }

        // Whoever has a ticket for any key in the file is let in as who the ticket says; a shared file would let in tickets that were meant for somebody else.
        if (principals.FirstOrDefault(principal => !principal.StartsWith(ServicePrefix, StringComparison.Ordinal)) is { } other)
        {
            throw new InvalidDataException($"authentication.kerberos: {full} holds a key of {other}. Give the controller a file with keys of HTTP/HOST.NAME alone.");
        }

        try
        {
            _ = RegisterAcceptorIdentity(Encoding.UTF8.GetBytes($"FILE:{full}\0"));
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            throw new InvalidDataException($"authentication.mode Kerberos needs {Library}. Install libgssapi-krb5-2 (Debian) or krb5-libs (Fedora).", e);
        }
    }

    /// <summary>Whose keys a file holds, <c>HTTP/nc.example.com@EXAMPLE.COM</c>.</summary>
    /// <exception cref="InvalidDataException">It cannot be read, or is no keytab.</exception>
    public static IReadOnlyList<string> Principals(string path)
    {
        try
        {
            var file = new FileInfo(path);
            return file.Length > FileBytesMax ? throw new InvalidDataException($"authentication.kerberos: {path} is too large for a keytab.") : Read(File.ReadAllBytes(path));
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new InvalidDataException($"authentication.kerberos.keytab: {path} cannot be read: {e.Message}", e);
        }
        catch (ArgumentOutOfRangeException e)
        {
            throw new InvalidDataException($"authentication.kerberos.keytab: {path} is no keytab.", e);
        }
    }

    private static List<string> Read(ReadOnlySpan<byte> file)
    {
        ArgumentOutOfRangeException.ThrowIfNotEqual(BinaryPrimitives.ReadUInt16BigEndian(file), Version2);
        var principals = new List<string>();
        for (ReadOnlySpan<byte> rest = file[2..]; rest.Length >= sizeof(int);)
        {
            int length = BinaryPrimitives.ReadInt32BigEndian(rest);
            ReadOnlySpan<byte> record = rest.Slice(sizeof(int), Math.Abs(length));
            rest = rest[(sizeof(int) + record.Length)..];
            if (length > 0)
            {
                principals.Add(Principal(record));
            }
            else if (length == 0)
            {
                break;
            }
        }

        return principals;
    }

    private static string Principal(ReadOnlySpan<byte> record)
    {
        int components = BinaryPrimitives.ReadUInt16BigEndian(record);
        record = record[sizeof(ushort)..];
        string realm = Text(ref record);
        var names = new List<string>();
        for (int i = 0; i < components; i++)
        {
            names.Add(Text(ref record));
        }

        return $"{string.Join('/', names)}@{realm}";
    }

    private static string Text(ref ReadOnlySpan<byte> record)
    {
        int length = BinaryPrimitives.ReadUInt16BigEndian(record);
        string text = Encoding.UTF8.GetString(record.Slice(sizeof(ushort), length));
        record = record[(sizeof(ushort) + length)..];
        return text;
    }

    // The runtime takes the keytab from the environment, which a process cannot set for itself; the library takes it from here as well.
    // Not LibraryImport: what that generates is unsafe code, which only Hnv.Linux has.
#pragma warning disable SYSLIB1054
    [DllImport(Library, EntryPoint = "krb5_gss_register_acceptor_identity")]
    private static extern uint RegisterAcceptorIdentity(byte[] name);
#pragma warning restore SYSLIB1054
}
