using System.Text.RegularExpressions;

namespace Transformers.Checkpoints;

/// <summary>The names of tensors in checkpoints, and what older versions called them.</summary>
public static class TensorNames
{
    // Applied in this order.
    static readonly (Regex Old, string Current)[] Table =
    [
        Row(@"\battention\.packed\b", "attn.qkv"),
        Row(@"\battention\.output\b", "attn.proj"),
        Row(@"\bcrossAttention\.query\b", "cross_attn.q"),
        Row(@"\bcrossAttention\.keyValue\b", "cross_attn.kv"),
        Row(@"\bcrossAttention\.output\b", "cross_attn.proj"),
        Row(@"\battention\b", "attn"),
        Row(@"\bcrossAttention\b", "cross_attn"),
        Row(@"\bfeedForward\b", "mlp"),
        Row(@"\battentionResidual\.(norm|scale)\b", "${1}1"),
        Row(@"\bcrossAttentionResidual\.norm\b", "norm2"),
        Row(@"^(decoder\..+)\bfeedForwardResidual\.norm\b", "${1}norm3"),
        Row(@"\bfeedForwardResidual\.(norm|scale)\b", "${1}2"),
        Row(@"^(encoder\.)?tokens\b", "${1}tok_emb"),
        Row(@"^sourceTokens\b", "src_emb"),
        Row(@"^targetTokens\b", "tgt_emb"),
        Row(@"^encoderPositions\b", "src_positions"),
        Row(@"^decoderPositions\b", "tgt_positions"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\.embedding\.weight\b", "${1}pos_emb.weight"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\.table\.weight\b", "${1}pos_emb.table"),
        Row(@"^positions\.table\b", "pos_emb.weight"),
        Row(@"^positions\.class\b", "pos_emb.cls"),
        Row(@"^((?:encoder\.|src_|tgt_)?)positions\b", "${1}pos_emb"),
        Row(@"^(blocks\..+)\bpositions\.table\b", "${1}pos_bias.table"),
        Row(@"^patches\b", "patch_emb"),
        Row(@"^patchNorm\b", "patch_norm"),
        Row(@"^classToken\b", "cls_token"),
        Row(@"^encoderNorm\b", "encoder_norm"),
        Row(@"^decoderNorm\b", "decoder_norm"),
        Row(@"^output\b", "head"),
    ];

    static (Regex, string) Row(string old, string current) => (new Regex(old, RegexOptions.CultureInvariant), current);

    // Marks files with current names.
    const string Marker = "names";

    /// <summary>The metadata of files with current names.</summary>
    internal static IReadOnlyDictionary<string, string> Metadata { get; } = new Dictionary<string, string> { [Marker] = "2" };

    /// <summary>The header of a checkpoint's file, with current names.</summary>
    internal static SafetensorsHeader Adapt(SafetensorsHeader header) => header.Metadata.ContainsKey(Marker) ? header : header.Renamed(Current);

    /// <summary>The current name of a tensor, a part of a model, or a pattern of names.</summary>
    /// <param name="name">The name, current or of an older version.</param>
    public static string Current(string name)
    {
        foreach (var (old, current) in Table) name = old.Replace(name, current);
        return name;
    }
}
