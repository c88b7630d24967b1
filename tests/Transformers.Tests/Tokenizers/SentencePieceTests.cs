using Google.Protobuf;

namespace Transformers.Tests.Tokenizers;

public class SentencePieceTests : TempFolderTest
{
    sealed record Golden(string[] Texts, int[][] Bpe, string[] Bpe_decoded, int[][] Unigram, string[] Unigram_decoded);

    static readonly Golden Expected = JsonSerializer.Deserialize<Golden>(File.ReadAllText(Repository.Golden("data", "sentencepiece.json")), new JsonSerializerOptions { PropertyNameCaseInsensitive = true })!;

    static SentencePieceVocabulary Load(string kind) => Assert.IsType<SentencePieceVocabulary>(TokenizerFile.Load(Repository.Golden("data", $"sentencepiece-{kind}.model")));

    static (int[][] Ids, string[] Decoded) Of(string kind) => kind == "bpe" ? (Expected.Bpe, Expected.Bpe_decoded) : (Expected.Unigram, Expected.Unigram_decoded);

    [Theory]
    [InlineData("bpe")]
    [InlineData("unigram")]
    public void Ids_and_texts_are_those_of_SentencePiece_itself(string kind)
    {
        var tokenizer = Load(kind);
        Assert.Equal(kind, tokenizer.Kind);
        var (ids, decoded) = Of(kind);
        for (var i = 0; i < Expected.Texts.Length; i++)
        {
            var text = Expected.Texts[i];
            Assert.Equal(ids[i], tokenizer.EncodeToIds(text));
            var utf8 = new List<int>();
            tokenizer.EncodeToIds(System.Text.Encoding.UTF8.GetBytes(text), utf8);
            Assert.Equal(ids[i], utf8);
            // SentencePiece writes an unknown token as a mark of its own.
            if (!decoded[i].Contains('⁇')) Assert.Equal(decoded[i], tokenizer.Decode(ids[i]));
        }
    }

    [Theory]
    [InlineData("bpe")]
    [InlineData("unigram")]
    public void Offsets_are_those_of_the_normalized_text(string kind)
    {
        var tokenizer = Load(kind);
        var (ids, _) = Of(kind);
        for (var i = 0; i < Expected.Texts.Length; i++)
        {
            var tokens = tokenizer.EncodeToTokens(Expected.Texts[i], out var normalized);
            Assert.Equal(ids[i], tokens.Select(token => token.Id));
            Assert.Equal(tokenizer.Normalizer.Normalize(Expected.Texts[i]), normalized);
            var at = 0;
            foreach (var token in tokens)
            {
                Assert.InRange(token.Offset.Start.Value, 0, at);
                Assert.True(token.Offset.Start.Value == at || token.Value.StartsWith("<0x"));
                at = token.Offset.End.Value;
            }
            Assert.Equal(normalized!.Length, at);
        }
    }

    [Fact]
    public void Normalization_can_be_left_out() => Assert.Equal(Load("bpe").EncodeToIds("the bees"), Load("bpe").EncodeToIds("▁the▁bees", considerNormalization: false));

    [Fact]
    public void Long_text_has_the_ids_of_its_words()
    {
        var tokenizer = Load("unigram");
        var words = string.Join(' ', Enumerable.Repeat("seven letters over the old bridge", 2000));
        var once = tokenizer.EncodeToIds("seven letters over the old bridge");
        Assert.Equal(Enumerable.Repeat(once, 2000).SelectMany(ids => ids), tokenizer.EncodeToIds(words));
    }

    [Fact]
    public void Special_tokens_are_found_by_name_and_never_in_text()
    {
        var bpe = Load("bpe");
        Assert.Equal([("<unk>", 0), ("<s>", 1), ("</s>", 2)], bpe.SpecialTokens.Select(token => (token.Key, token.Value)));
        Assert.Equal(2, bpe.EndOfTextId);
        Assert.DoesNotContain(1, bpe.EncodeToIds("<s>"));
        Assert.Equal(1, bpe.EncodeToIds("<s>a", ["<s>"])[0]);
        var unigram = Load("unigram");
        Assert.Equal([("<pad>", 0), ("</s>", 1), ("<unk>", 2)], unigram.SpecialTokens.Select(token => (token.Key, token.Value)));
        // Llama has no padding and T5 no begin.
        Assert.Equal((0, 1, 2), (Transformers.Data.SpecialIds.Of(bpe) is var llama ? llama.Padding : -1, llama.Begin, llama.End));
        Assert.Equal((0, 0, 1), (Transformers.Data.SpecialIds.Of(unigram) is var t5 ? t5.Padding : -1, t5.Begin, t5.End));
    }

    [Fact]
    public void What_is_saved_is_read_back_from_a_folder_as_the_same_tokenizer()
    {
        var tokenizer = Load("bpe");
        Assert.Equal("tokenizer.model", tokenizer.FileName);
        tokenizer.Save(folder[tokenizer.FileName]);
        Assert.Equal(File.ReadAllBytes(Repository.Golden("data", "sentencepiece-bpe.model")), File.ReadAllBytes(folder["tokenizer.model"]));
        var back = TokenizerFile.Load(folder["."]);
        Assert.Equal(tokenizer.Hash, back.Hash);
        Assert.NotEqual(tokenizer.Hash, Load("unigram").Hash);
        var files = TokenizerPair.Files(new ByteTokenizer(), tokenizer);
        Assert.Equal(["tokenizer.json", "target_tokenizer.model"], files.Keys);
        Assert.Equal(tokenizer.ToBytes(), files["target_tokenizer.model"]);
    }

    [Fact]
    public void Text_that_comes_in_parts_has_the_ids_of_the_whole()
    {
        var tokenizer = Load("bpe");
        var text = string.Concat(Expected.Texts);
        var (streamed, encoder) = (new List<int>(), tokenizer.CreateEncoder());
        foreach (var part in System.Text.Encoding.UTF8.GetBytes(text).Chunk(7)) encoder.Append(part, streamed);
        encoder.Finish(streamed);
        Assert.Equal(tokenizer.EncodeToIds(text), streamed);
        var decoder = tokenizer.CreateDecoder();
        Assert.Equal(tokenizer.Decode(streamed), string.Concat(streamed.Select(decoder.Append)) + decoder.Finish());
    }

    [Theory]
    [InlineData(3, 3, "word")]
    [InlineData(3, 4, "char")]
    [InlineData(24, 1, "treat_whitespace_as_suffix")]
    [InlineData(35, 1, "256 byte pieces")]
    public void What_a_trainer_can_ask_for_and_the_program_cannot_do_is_named(int field, int value, string named) =>
        Assert.Contains(named, Refused(Model(trainer: part => WriteNumber(part, field, value))));

    [Fact]
    public void What_a_file_can_ask_for_and_the_program_cannot_do_is_named()
    {
        Assert.Contains("escape_whitespaces", Refused(Model(normalizer: part => WriteNumber(part, 5, 0))));
        Assert.Contains("precompiled_charsmap", Refused(Model(normalizer: part => WriteBytes(part, 2, [9, 0, 0, 0, 1, 2, 3]))));
        Assert.Contains("one piece of type unknown", Refused(Model(("a", 0, 1))));
        Assert.Contains("no piece for text", Refused(Model(("<unk>", 0, 2))));
        Assert.Contains("appears twice", Refused(Model(("<unk>", 0, 2), ("a", 0, 1), ("a", -1, 1))));
        Assert.Contains("not finite", Refused(Model(("<unk>", 0, 2), ("a", float.NaN, 1))));
        Assert.Contains("unknown type 9", Refused(Model(("<unk>", 0, 2), ("a", 0, 9))));
        Assert.Contains("empty", Refused(Model(("<unk>", 0, 2), ("", 0, 1))));
        Assert.Contains("unused", Refused(Model(part => WriteNumber(part, 3, 2), null, ("<unk>", 0, 2), ("a", 0, 1), ("b", 0, 5))));
        Assert.Contains("the same score as another piece", Refused(Model(part => WriteNumber(part, 3, 2), null, ("<unk>", 0, 2), ("a", 0, 1), ("aa", -1, 1), ("aaa", -1, 1))));
    }

    [Fact]
    public void Damaged_files_never_end_in_anything_but_a_users_mistake()
    {
        foreach (var kind in (string[])["bpe", "unigram"])
        {
            var content = File.ReadAllBytes(Repository.Golden("data", $"sentencepiece-{kind}.model"));
            var random = new Random(1);
            var refused = 0;
            for (var round = 0; round < 200; round++)
            {
                var changed = (byte[])content.Clone();
                for (var i = 0; i < 3; i++) changed[random.Next(changed.Length)] = (byte)random.Next(256);
                if (round % 4 == 0) changed = changed[..random.Next(8, changed.Length)];
                File.WriteAllBytes(folder["t.model"], changed);
                try { TokenizerFile.Load(folder["t.model"]).EncodeToIds("the bees 中 <sep>"); }
                catch (UserException) { refused++; }
            }
            Assert.InRange(refused, 50, 200);
        }
    }

    static string Refused(byte[] model)
    {
        using var folder = new TempFolder();
        File.WriteAllBytes(folder["t.model"], model);
        return Assert.Throws<UserException>(() => TokenizerFile.Load(folder["t.model"])).Message;
    }

    static byte[] Model(params (string Text, float Score, int Type)[] pieces) => Model(null, null, pieces);

    static byte[] Model(Action<CodedOutputStream>? trainer = null, Action<CodedOutputStream>? normalizer = null, params (string Text, float Score, int Type)[] pieces)
    {
        if (pieces.Length == 0) pieces = [("<unk>", 0, 2), ("a", -1, 1), ("▁", -2, 1)];
        return Message(output =>
        {
            foreach (var (text, score, type) in pieces)
                WriteBytes(output, 1, Message(part =>
                {
                    WriteBytes(part, 1, System.Text.Encoding.UTF8.GetBytes(text));
                    part.WriteTag(2, WireFormat.WireType.Fixed32);
                    part.WriteFloat(score);
                    WriteNumber(part, 3, type);
                }));
            if (trainer is not null) WriteBytes(output, 2, Message(trainer));
            if (normalizer is not null) WriteBytes(output, 3, Message(normalizer));
        });
    }

    static byte[] Message(Action<CodedOutputStream> write)
    {
        using var bytes = new MemoryStream();
        using (var output = new CodedOutputStream(bytes, leaveOpen: true)) write(output);
        return bytes.ToArray();
    }

    static void WriteNumber(CodedOutputStream part, int field, int value)
    {
        part.WriteTag(field, WireFormat.WireType.Varint);
        part.WriteInt32(value);
    }

    static void WriteBytes(CodedOutputStream part, int field, byte[] value)
    {
        part.WriteTag(field, WireFormat.WireType.LengthDelimited);
        part.WriteBytes(ByteString.CopyFrom(value));
    }
}
