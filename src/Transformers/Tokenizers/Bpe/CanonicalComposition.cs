using System.Buffers;
using System.Reflection;

namespace Transformers.Tokenizers.Bpe;

/// <summary>Unicode's normal form C (Unicode Standard Annex 15) of UTF-8 text. The program runs without the system's Unicode library, so .NET itself does not normalize.</summary>
static class CanonicalComposition
{
    const int FirstSyllable = 0xAC00, Syllables = 11172;
    const int FirstLead = 0x1100, FirstVowel = 0x1161, BeforeTails = 0x11A7, Leads = 19, Vowels = 21, Tails = 28;

    // Every character below is its own normal form and combines with nothing before it.
    const int FirstMark = 0x300;

    static readonly Lazy<Tables> Loaded = new(Tables.Read);

    /// <summary>The normal form of a text, or null if the text is certain to be in it already. Malformed bytes do not change.</summary>
    internal static byte[]? Normalize(ReadOnlySpan<byte> utf8)
    {
        // A character from U+0300 on begins with a byte from 0xCC on.
        if (!utf8.ContainsAnyInRange((byte)0xCC, (byte)0xFF)) return null;
        var result = new ArrayBufferWriter<byte>(utf8.Length);
        var run = new List<int>();
        while (utf8.Length > 0)
        {
            var status = Rune.DecodeFromUtf8(utf8, out var rune, out var length);
            if (status == OperationStatus.Done)
            {
                // A character that combines with nothing before it ends the sequence.
                if (rune.Value < FirstMark && run.Count > 0 && run[^1] < FirstMark) Flush(run, result);
                run.Add(rune.Value);
            }
            else
            {
                Flush(run, result);
                result.Write(utf8[..length]);
            }
            utf8 = utf8[length..];
        }
        Flush(run, result);
        return result.WrittenSpan.ToArray();
    }

    static void Flush(List<int> run, ArrayBufferWriter<byte> result)
    {
        foreach (var character in run.Exists(c => c >= FirstMark) ? Compose(Ordered(run)) : run)
            result.Advance(new Rune(character).EncodeToUtf8(result.GetSpan(4)));
        run.Clear();
    }

    // The full decomposition, each run of marks in the order of their classes.
    static List<int> Ordered(List<int> run)
    {
        var full = new List<int>();
        foreach (var character in run) Decompose(character, full);
        for (var start = 0; start < full.Count; start++)
        {
            var end = start;
            while (end < full.Count && ClassOf(full[end]) > 0) end++;
            if (end - start > 1)
            {
                var marks = full.GetRange(start, end - start).OrderBy(ClassOf).ToList();
                for (var i = 0; i < marks.Count; i++) full[start + i] = marks[i];
            }
            if (end > start) start = end;
        }
        return full;
    }

    static void Decompose(int character, List<int> result)
    {
        if (character is >= FirstSyllable and < FirstSyllable + Syllables)
        {
            var index = character - FirstSyllable;
            result.Add(FirstLead + index / (Vowels * Tails));
            result.Add(FirstVowel + index / Tails % Vowels);
            if (index % Tails > 0) result.Add(BeforeTails + index % Tails);
        }
        else if (Loaded.Value.Parts.TryGetValue(character, out var parts))
            foreach (var part in parts) Decompose(part, result);
        else result.Add(character);
    }

    static List<int> Compose(List<int> text)
    {
        var result = new List<int>(text.Count);
        int starter = -1, last = 0;
        foreach (var character in text)
        {
            var here = ClassOf(character);
            // A mark is blocked from its starter by one of the same or a higher class between them.
            var reaches = starter >= 0 && (result.Count - 1 == starter || (last < here && last > 0));
            if (reaches && Pair(result[starter], character) is { } composed)
            {
                result[starter] = composed;
                continue;
            }
            if (here == 0) starter = result.Count;
            last = here;
            result.Add(character);
        }
        return result;
    }

    static int? Pair(int first, int second)
    {
        if (first - FirstLead is >= 0 and < Leads && second - FirstVowel is >= 0 and < Vowels)
            return FirstSyllable + ((first - FirstLead) * Vowels + second - FirstVowel) * Tails;
        if (first - FirstSyllable is >= 0 and < Syllables && (first - FirstSyllable) % Tails == 0 && second - BeforeTails is > 0 and < Tails)
            return first + second - BeforeTails;
        return Loaded.Value.Pairs.TryGetValue((first, second), out var composed) ? composed : null;
    }

    static int ClassOf(int character) => character < FirstMark ? 0 : Loaded.Value.Classes.GetValueOrDefault(character);

    /// <summary>The contents of <c>compositions.txt</c>: <c>C=A B</c> is composed of A and B, <c>C!A B</c> is only decomposed, <c>230:A-B C</c> lists the characters of a combining class.</summary>
    sealed record Tables(Dictionary<int, int[]> Parts, Dictionary<(int, int), int> Pairs, Dictionary<int, byte> Classes)
    {
        internal static Tables Read()
        {
            using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream("Transformers.Tokenizers.compositions.txt")!;
            using var lines = new StreamReader(stream);
            var tables = new Tables([], [], []);
            while (lines.ReadLine() is { } line)
            {
                var mark = line.AsSpan().IndexOfAny("=!:");
                var values = line[(mark + 1)..].Split(' ');
                if (line[mark] == ':') tables.AddClass(byte.Parse(line[..mark], CultureInfo.InvariantCulture), values);
                else tables.AddParts(Hex(line[..mark]), [.. values.Select(Hex)], composed: line[mark] == '=');
            }
            return tables;
        }

        void AddParts(int character, int[] parts, bool composed)
        {
            Parts.Add(character, parts);
            if (composed) Pairs.Add((parts[0], parts[1]), character);
        }

        void AddClass(byte number, string[] ranges)
        {
            foreach (var range in ranges)
            {
                var ends = range.Split('-');
                for (int c = Hex(ends[0]), last = Hex(ends[^1]); c <= last; c++) Classes.Add(c, number);
            }
        }

        static int Hex(string text) => int.Parse(text, NumberStyles.HexNumber, CultureInfo.InvariantCulture);
    }
}
