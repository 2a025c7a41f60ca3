using System.Security.Cryptography;
using System.Text;

namespace Hnv.Controller.Store;

/// <summary>Seals secrets (write-only properties) before they are stored: AES-256-GCM, nonce and tag beside the text, base64.</summary>
internal sealed class SecretBox(byte[] key)
{
    private const int KeySize = 32;
    private static readonly int s_nonceSize = AesGcm.NonceByteSizes.MaxSize;
    private static readonly int s_tagSize = AesGcm.TagByteSizes.MaxSize;

    /// <summary>A box whose key lives only as long as the process.</summary>
    public static SecretBox Ephemeral() => new(RandomNumberGenerator.GetBytes(KeySize));

    /// <summary>Reads the key of a file, or makes one that only the owner can read.</summary>
    /// <param name="path">The file.</param>
    /// <param name="isShared">True when other controllers seal with the same key, so that making one up would part us from them.</param>
    /// <exception cref="InvalidDataException">The file holds something else, or is missing where it must not be.</exception>
    public static SecretBox FromFile(string path, bool isShared = false)
    {
        if (!File.Exists(path))
        {
            if (isShared)
            {
                throw new InvalidDataException($"{path} is missing. All controllers of one store have the same {KeySize} random bytes there: copy it, or make it once with 'head -c {KeySize} /dev/urandom', mode 0600.");
            }

            using FileStream file = new(path, new FileStreamOptions
            {
                Mode = FileMode.CreateNew,
                Access = FileAccess.Write,
                UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
            });
            file.Write(RandomNumberGenerator.GetBytes(KeySize));
            file.Flush(flushToDisk: true);
        }

        byte[] key = File.ReadAllBytes(path);
        return key.Length == KeySize
            ? new SecretBox(key)
            : throw new InvalidDataException($"{path} is not a key of {KeySize} bytes. Restore it from a backup; without it the stored credentials are lost.");
    }

    public string Seal(string plain)
    {
        byte[] text = Encoding.UTF8.GetBytes(plain);
        byte[] box = new byte[s_nonceSize + s_tagSize + text.Length];
        RandomNumberGenerator.Fill(box.AsSpan(0, s_nonceSize));
        using var aes = new AesGcm(key, s_tagSize);
        aes.Encrypt(box.AsSpan(0, s_nonceSize), text, box.AsSpan(s_nonceSize + s_tagSize), box.AsSpan(s_nonceSize, s_tagSize));
        return Convert.ToBase64String(box);
    }

    /// <exception cref="CryptographicException">Sealed with another key, or damaged.</exception>
    public string Unseal(string sealedText)
    {
        byte[] box = Convert.FromBase64String(sealedText);
        byte[] text = new byte[box.Length - s_nonceSize - s_tagSize];
        using var aes = new AesGcm(key, s_tagSize);
        aes.Decrypt(box.AsSpan(0, s_nonceSize), box.AsSpan(s_nonceSize + s_tagSize), box.AsSpan(s_nonceSize, s_tagSize), text);
        return Encoding.UTF8.GetString(text);
    }
}
