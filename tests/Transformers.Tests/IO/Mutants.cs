namespace Transformers.Tests;

/// <summary>Files mutated at random, by a fixed seed, for tests of whatever reads files from outside.</summary>
static class Mutants
{
    /// <summary>How many of the format that is read most; others take a tenth. TRANSFORMER_FUZZ=1000000 for the full count: tests/Long/fuzz.</summary>
    internal static readonly int Count = int.Parse(Environment.GetEnvironmentVariable("TRANSFORMER_FUZZ") ?? "10000", CultureInfo.InvariantCulture);

    static readonly string[] Pieces =
    [
        "\"", "{", "}", "[", "]", ",", ":", "\\", "\\u0000", "\\ud800", "\0", "\u00ff", " ", "\n", "0", "-1", "1e9", "1.5", "9223372036854775807", "18446744073709551615",
        "99999999999999999999999", "null", "true", "\"dtype\"", "\"shape\"", "\"data_offsets\"", "\"__metadata__\"", "\"F32\"", "\"F4\"", "\"a\"", "[0,4]", "{}", "[[[[[[[[[[[[[[[[[[[[",
        "\"step\"", "\"NaN\"", "\"crc32c\"", "../", "\"a\":{\"dtype\":\"U8\",\"shape\":[0],\"data_offsets\":[0,0]},",
        "\n  ", ": ", "- ", "&a ", "*a", "!!binary ", "|\n", "? ", "#", "'", "%", "\t", "kind: ", "~", ".inf", "1e999", "0x7f", "<<: ",
    ];

    /// <summary>One to four changes: bits, pieces of syntax, cuts, copies, other digits.</summary>
    internal static byte[] Of(Random random, byte[] seed)
    {
        var bytes = new List<byte>(seed);
        for (var n = random.Next(1, 5); n > 0; n--)
        {
            var at = random.Next(bytes.Count + 1);
            var length = Math.Min(random.Next(1, 12), bytes.Count - at);
            switch (random.Next(6))
            {
                case 0 when at < bytes.Count:
                    bytes[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 1:
                    bytes.InsertRange(at, Piece(random));
                    break;
                case 2:
                    bytes.RemoveRange(at, length);
                    break;
                case 3: // A part of it once more, elsewhere.
                    bytes.InsertRange(random.Next(bytes.Count + 1), bytes.GetRange(at, Math.Min(random.Next(1, 80), bytes.Count - at)));
                    break;
                case 4:
                    bytes.RemoveRange(at, length);
                    bytes.InsertRange(at, Piece(random));
                    break;
                case 5:
                    for (var i = at; i < at + length; i++)
                        if (bytes[i] is >= (byte)'0' and <= (byte)'9') bytes[i] = (byte)random.Next('0', '9' + 1);
                    break;
            }
        }
        return [.. bytes];
    }

    static byte[] Piece(Random random) => Encoding.Latin1.GetBytes(Pieces[random.Next(Pieces.Length)]);

    /// <summary>Reads mutants, each of which must be accepted or refused as a user's mistake, in bounded memory.</summary>
    /// <param name="count">How many.</param>
    /// <param name="seeds">The files that are mutated.</param>
    /// <param name="read">Reads one.</param>
    /// <param name="bytesOfMemory">The most that reading one may allocate.</param>
    /// <returns>How many were accepted.</returns>
    internal static int Read(int count, byte[][] seeds, Action<byte[]> read, int bytesOfMemory = 1 << 18)
    {
        var random = new Random(42);
        var accepted = 0;
        for (var i = 0; i < count; i++)
        {
            var mutant = Of(random, seeds[random.Next(seeds.Length)]);
            var before = GC.GetAllocatedBytesForCurrentThread();
            try
            {
                read(mutant);
                accepted++;
            }
            catch (UserException exception)
            {
                Assert.NotEmpty(exception.Message);
            }
            catch (Exception e)
            {
                Assert.Fail($"mutant {i} ({Convert.ToBase64String(mutant)}) gave {e}");
            }
            var used = GC.GetAllocatedBytesForCurrentThread() - before;
            Assert.True(used < bytesOfMemory, $"mutant {i} ({Convert.ToBase64String(mutant)}) took {used} bytes of memory");
        }
        return accepted;
    }
}
