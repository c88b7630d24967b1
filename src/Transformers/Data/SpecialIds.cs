using Transformers.IO;
using Transformers.Tokenizers;
using Transformers.Tokenizers.Formats;

namespace Transformers.Data;

/// <summary>The ids that frame and fill sequences of an encoder or an encoder-decoder.</summary>
/// <remarks>
/// A tokenizer for these models is trained with special tokens of these names, which are Marian's and RoBERTa's:
/// <c>&lt;pad&gt;</c>, <c>&lt;s&gt;</c>, <c>&lt;/s&gt;</c> for an encoder-decoder (<see cref="ForTranslation"/>) and
/// <c>&lt;mask&gt;</c> too for an encoder (<see cref="ForEncoder"/>). A source sentence x is read as <c>x &lt;/s&gt;</c>; a target y
/// as <c>&lt;s&gt; y</c> with <c>y &lt;/s&gt;</c> to be predicted; an encoder's text as <c>&lt;s&gt; x &lt;/s&gt;</c>, whose first
/// position classifies (BERT's CLS). Padding is never attended to and never predicted.
/// </remarks>
/// <param name="Padding">Fills rows up to the longest.</param>
/// <param name="Begin">Starts a target and an encoder's text.</param>
/// <param name="End">Ends a source, a target and an encoder's text.</param>
/// <param name="Mask">Replaces a token to predict, if the vocabulary has one.</param>
public sealed record SpecialIds(int Padding, int Begin, int End, int? Mask = null)
{
    /// <summary>The special tokens of an encoder-decoder's vocabulary, in the order in which to add them.</summary>
    public static IReadOnlyList<string> ForTranslation { get; } = ["<pad>", "<s>", "</s>"];

    /// <summary>The special tokens of an encoder's vocabulary, in the order in which to add them.</summary>
    public static IReadOnlyList<string> ForEncoder { get; } = ["<pad>", "<s>", "</s>", "<mask>"];

    static readonly string[] PaddingNames = ["<pad>", "[PAD]", "<|pad|>"], BeginNames = ["<s>", "[CLS]", "<bos>"];
    static readonly string[] EndNames = ["</s>", "[SEP]", "<eos>"], MaskNames = ["<mask>", "[MASK]"];

    /// <summary>Finds the ids in a vocabulary: under the names above, or under those of vocabularies that other projects published.</summary>
    /// <remarks>Without a begin token, a target begins with padding (T5); a SentencePiece vocabulary without padding pads with its unknown token (Llama).</remarks>
    /// <exception cref="UserException">It lacks one of <see cref="ForTranslation"/>.</exception>
    public static SpecialIds Of(TextTokenizer tokenizer)
    {
        var padding = Find(PaddingNames);
        int? begin = Find(BeginNames) ?? padding, end = Find(EndNames);
        if (tokenizer is SentencePieceVocabulary) padding ??= Find(["<unk>"]);
        if ((padding, begin, end) is ({ } filler, { } first, { } last)) return new SpecialIds(filler, first, last, Find(MaskNames));
        string?[] missing = [padding is null ? "<pad>" : null, begin is null ? "<s>" : null, end is null ? "</s>" : null];
        throw new UserException($"the tokenizer has no special token {string.Join(", ", missing.OfType<string>())}",
            $"train it with the special tokens {string.Join(" ", ForTranslation)}");

        int? Find(string[] names)
        {
            foreach (var name in names)
                if (tokenizer.SpecialTokens.TryGetValue(name, out var id)) return id;
            return null;
        }
    }
}
