namespace Transformers.Tests.Data;

/// <summary>Bytes as ids, and 256 for the end of a text: enough of a tokenizer to see every byte that data code lets through.</summary>
sealed class TestTokenizer(bool endOfText = false, int vocabularySize = 257) : TextTokenizer
{
    public override int VocabularySize => vocabularySize;
    public override IReadOnlyDictionary<string, int> SpecialTokens => new Dictionary<string, int>();
    public override int? EndOfTextId => endOfText ? 256 : null;
    public override string Hash => new(endOfText ? 'a' : 'b', 64);
    public override void EncodeToIds(ReadOnlySpan<byte> utf8, List<int> ids)
    {
        foreach (var b in utf8)
        {
            if (b == 1) throw new UserException("U+0001 is not in the vocabulary");
            ids.Add(b);
        }
    }
    public override ReadOnlyMemory<byte> BytesOf(int id) => id < 256 ? new byte[] { (byte)id } : default;
    public override void Save(Stream target) => target.Write("{}"u8);
}
