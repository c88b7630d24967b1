using Google.Protobuf;

namespace Transformers.Tokenizers.Formats;

/// <summary>What a piece of a SentencePiece vocabulary is for.</summary>
enum PieceType
{
    Normal = 1,
    Unknown = 2,
    Control = 3,
    UserDefined = 4,
    Unused = 5,
    Byte = 6,
}

/// <summary>One entry of a SentencePiece vocabulary; its id is its position.</summary>
readonly record struct Piece(string Text, float Score, PieceType Type);

/// <summary>The content of SentencePiece's <c>.model</c> file, a protocol buffer (Kudo and Richardson 2018).</summary>
sealed class SentencePieceModel
{
    const int Unigram = 1, Bpe = 2;
    static readonly string[] KindNames = ["", "unigram", "bpe", "word", "char"];
    readonly TokenizerParts parts;
    int kind = Unigram;
    bool whiteSpaceAsSuffix, escapesWhiteSpace = true, denormalizes;

    SentencePieceModel(TokenizerParts parts) => this.parts = parts;

    internal List<Piece> Pieces { get; } = [];
    internal bool IsBpe => kind == Bpe;
    internal string Kind => KindNames[kind];
    internal bool ByteFallback { get; private set; }
    internal bool AddsDummyPrefix { get; private set; } = true;
    internal bool RemovesExtraSpaces { get; private set; } = true;
    internal ReadOnlyMemory<byte> CharacterMap { get; private set; }
    internal int UnknownId { get; private set; } = -1;

    internal UserException Error(string message, string? path = null) => parts.Error(message, path);

    /// <summary>Whether bytes look like such a file: it begins with the first piece.</summary>
    internal static bool Looks(ReadOnlySpan<byte> content) => content.Length > 4 && content[0] == 0x0A && content[2] == 0x0A;

    internal static SentencePieceModel Read(string path, byte[] content)
    {
        var model = new SentencePieceModel(new TokenizerParts(path));
        try
        {
            model.ReadFields(new CodedInputStream(content));
        }
        catch (Exception exception) when (exception is InvalidProtocolBufferException or InvalidOperationException or ArgumentException)
        {
            throw new UserException([new Problem($"is not a complete SentencePiece model: {exception.Message}", File: path)], exception);
        }
        model.Check();
        return model;
    }

    void ReadFields(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: ReadPiece(input.ReadBytes().CreateCodedInput()); break;
                case 2: ReadTrainer(input.ReadBytes().CreateCodedInput()); break;
                case 3: ReadNormalizer(input.ReadBytes().CreateCodedInput()); break;
                case 5: ReadDenormalizer(input.ReadBytes().CreateCodedInput()); break;
                default: input.SkipLastField(); break;
            }
    }

    void ReadPiece(CodedInputStream input)
    {
        var (text, score, type) = ("", 0f, 1);
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 1: text = input.ReadString(); break;
                case 2: score = input.ReadFloat(); break;
                case 3: type = input.ReadEnum(); break;
                default: input.SkipLastField(); break;
            }
        var path = $"pieces[{Pieces.Count}]";
        parts.Add(text, Pieces.Count, path);
        if (!float.IsFinite(score)) throw parts.Error($"{MessageText.Quote(text)} has a score that is not finite", path);
        if (!Enum.IsDefined((PieceType)type)) throw parts.Error($"{MessageText.Quote(text)} has the unknown type {type}", path);
        Pieces.Add(new(text, score, (PieceType)type));
    }

    void ReadTrainer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 3: kind = input.ReadEnum(); break;
                case 24: whiteSpaceAsSuffix = input.ReadBool(); break;
                case 35: ByteFallback = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
    }

    void ReadNormalizer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            switch (WireFormat.GetTagFieldNumber(tag))
            {
                case 2: CharacterMap = input.ReadBytes().Memory; break;
                case 3: AddsDummyPrefix = input.ReadBool(); break;
                case 4: RemovesExtraSpaces = input.ReadBool(); break;
                case 5: escapesWhiteSpace = input.ReadBool(); break;
                default: input.SkipLastField(); break;
            }
    }

    void ReadDenormalizer(CodedInputStream input)
    {
        for (uint tag; (tag = input.ReadTag()) != 0;)
            if (WireFormat.GetTagFieldNumber(tag) == 2) denormalizes |= input.ReadBytes().Length > 0;
            else input.SkipLastField();
    }

    void Check()
    {
        if (kind is not (Unigram or Bpe))
            throw parts.Error($"model type {(kind > 0 && kind < KindNames.Length ? KindNames[kind] : kind)} is not supported", "trainer_spec.model_type", hint: "unigram and bpe are");
        if (whiteSpaceAsSuffix) throw parts.Error("is not supported", "trainer_spec.treat_whitespace_as_suffix");
        if (!escapesWhiteSpace) throw parts.Error("is not supported unless true", "normalizer_spec.escape_whitespaces");
        if (denormalizes) throw parts.Error("is not supported", "denormalizer_spec.precompiled_charsmap");
        if (!PrecompiledMap.IsWhole(CharacterMap.Span)) throw parts.Error("is damaged", "normalizer_spec.precompiled_charsmap");
        var unknown = Enumerable.Range(0, Pieces.Count).Where(id => Pieces[id].Type == PieceType.Unknown).ToList();
        if (unknown.Count != 1) throw parts.Error($"must have one piece of type unknown, but has {unknown.Count}", "pieces");
        UnknownId = unknown[0];
        if (!Pieces.Exists(piece => piece.Type == PieceType.Normal)) throw parts.Error("has no piece for text", "pieces");
        if (IsBpe && Pieces.FindIndex(piece => piece.Type == PieceType.Unused) is >= 0 and var unused)
            throw parts.Error($"{MessageText.Quote(Pieces[unused].Text)} is of type unused, which is not supported for bpe", $"pieces[{unused}]");
        if (!ByteFallback) return;
        var bytes = Pieces.Count(piece => piece.Type == PieceType.Byte);
        if (bytes != 256) throw parts.Error($"needs 256 byte pieces, but the file has {bytes}", "trainer_spec.byte_fallback");
        foreach (var piece in Pieces.Where(piece => piece.Type == PieceType.Byte))
            if (ByteOf(piece.Text) is null) throw parts.Error($"{MessageText.Quote(piece.Text)} does not name a byte as <0xAB> does", "pieces");
    }

    /// <summary>The byte that a piece such as <c>&lt;0x0A&gt;</c> names, or null.</summary>
    internal static byte? ByteOf(string piece) =>
        piece.Length == 6 && piece.StartsWith("<0x", StringComparison.Ordinal) && piece[5] == '>'
        && byte.TryParse(piece.AsSpan(3, 2), System.Globalization.NumberStyles.AllowHexSpecifier, null, out var value) ? value : null;
}

/// <summary>SentencePiece's table of replacements: a double-array trie (Aoe 1989) from UTF-8 prefixes to texts that end in a zero byte.</summary>
/// <remarks>The table is the trie's length in bytes, its units of 32 bits as darts-clone packs them, then the texts.</remarks>
sealed class PrecompiledMap
{
    readonly uint[] units;
    readonly byte[] texts;

    internal PrecompiledMap(ReadOnlySpan<byte> table)
    {
        var length = table.IsEmpty ? 0 : BinaryPrimitives.ReadInt32LittleEndian(table);
        units = new uint[length / 4];
        for (var i = 0; i < units.Length; i++) units[i] = BinaryPrimitives.ReadUInt32LittleEndian(table[(4 + 4 * i)..]);
        texts = table.IsEmpty ? [] : table[(4 + length)..].ToArray();
    }

    /// <summary>Whether a table's parts have the lengths that it gives; an empty table replaces nothing.</summary>
    internal static bool IsWhole(ReadOnlySpan<byte> table)
    {
        if (table.IsEmpty) return true;
        if (table.Length < 8) return false;
        var length = BinaryPrimitives.ReadInt32LittleEndian(table);
        return length > 0 && length % 4 == 0 && length < table.Length - 4 && table[^1] == 0;
    }

    /// <summary>Finds the longest prefix of a text that has a replacement.</summary>
    /// <returns>The prefix's length in bytes, 0 if none has one.</returns>
    internal int Find(ReadOnlySpan<byte> utf8, out ReadOnlySpan<byte> replacement)
    {
        replacement = default;
        if (units.Length == 0) return 0;
        var found = 0;
        var node = Offset(units[0]);
        for (var i = 0; i < utf8.Length; i++)
        {
            node ^= utf8[i];
            if (node >= units.Length || (units[node] & 0x8000_00FF) != utf8[i]) break;
            var hasValue = (units[node] & 0x100) != 0;
            node ^= Offset(units[node]);
            if (node >= units.Length) break;
            if (!hasValue) continue;
            var start = (int)(units[node] & 0x7FFF_FFFF);
            if (start >= texts.Length) break;
            var end = texts.AsSpan(start).IndexOf((byte)0);
            if (end < 0) break;
            found = i + 1;
            replacement = texts.AsSpan(start, end);
        }
        return found;
    }

    static uint Offset(uint unit) => unit >> 10 << (int)((unit & 0x200) >> 6);
}
