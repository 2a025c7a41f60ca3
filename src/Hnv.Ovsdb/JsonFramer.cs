namespace Hnv.Ovsdb;

/// <summary>
/// Cuts a byte stream into JSON values. JSON-RPC on a raw stream has neither lengths nor line ends: one read may hold several
/// messages or part of one, and may end inside a UTF-8 character. Only ASCII bytes decide where a value ends, so a character cut in
/// half does no harm. Not thread-safe.
/// </summary>
internal sealed class JsonFramer(int messageBytesMax = JsonFramer.DefaultMessageBytesMax)
{
    /// <summary>No reply of a policy database comes near it; a peer that sends more is not one.</summary>
    public const int DefaultMessageBytesMax = 1 << 30;

    private byte[] _buffer = new byte[16 * 1024];
    private int _start;
    private int _scanned;
    private int _end;
    private int _depth;
    private bool _inString;
    private bool _escaped;

    /// <summary>Room to read the next bytes into; say with <see cref="Advance"/> how many came.</summary>
    public Memory<byte> Space()
    {
        if (_start == _end)
        {
            _start = _scanned = _end = 0;
        }
        else if (_end == _buffer.Length)
        {
            if (_end - _start >= messageBytesMax)
            {
                throw new OvsdbConnectionException($"The OVSDB server sent a message of more than {messageBytesMax} bytes.");
            }

            byte[] target = _start >= _buffer.Length / 2 ? _buffer : new byte[Math.Min(_buffer.Length * 2L, Array.MaxLength)];
            Buffer.BlockCopy(_buffer, _start, target, 0, _end - _start);
            _buffer = target;
            _scanned -= _start;
            _end -= _start;
            _start = 0;
        }

        return _buffer.AsMemory(_end);
    }

    /// <summary>Takes bytes that were read into <see cref="Space"/>.</summary>
    public void Advance(int count) => _end += count;

    /// <summary>The next whole value, valid until the next call of <see cref="Space"/>.</summary>
    /// <exception cref="OvsdbConnectionException">The stream holds something that is not a JSON object or array.</exception>
    public bool TryTake(out ReadOnlyMemory<byte> message)
    {
        for (; _scanned < _end; _scanned++)
        {
            byte b = _buffer[_scanned];
            if (_inString)
            {
                if (_escaped)
                {
                    _escaped = false;
                }
                else if (b == '\\')
                {
                    _escaped = true;
                }
                else if (b == '"')
                {
                    _inString = false;
                }

                continue;
            }

            if (_depth == 0)
            {
                if (b is (byte)' ' or (byte)'\n' or (byte)'\r' or (byte)'\t')
                {
                    _start = _scanned + 1;
                    continue;
                }

                if (b is not ((byte)'{' or (byte)'['))
                {
                    throw new OvsdbConnectionException($"The peer does not speak JSON-RPC: byte 0x{b:X2} where a message should begin.");
                }
            }

            if (b == '"')
            {
                _inString = true;
            }
            else if (b is (byte)'{' or (byte)'[')
            {
                _depth++;
            }
            else if (b is (byte)'}' or (byte)']' && --_depth == 0)
            {
                _scanned++;
                message = _buffer.AsMemory(_start, _scanned - _start);
                _start = _scanned;
                return true;
            }
        }

        // A large buffer is kept while a large message is under way and given back with it.
        if (_start == _end && _buffer.Length > 1 << 20)
        {
            _buffer = new byte[16 * 1024];
            _start = _scanned = _end = 0;
        }

        message = default;
        return false;
    }
}
