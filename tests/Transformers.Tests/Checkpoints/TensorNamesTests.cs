namespace Transformers.Tests.Checkpoints;

public class TensorNamesTests
{
    [Theory]
    [InlineData("tokens.weight", "tok_emb.weight")]
    [InlineData("positions.embedding.weight", "pos_emb.weight")]
    [InlineData("positions.table.weight.first_moment", "pos_emb.table.first_moment")]
    [InlineData("blocks.0.attention.packed.weight", "blocks.0.attn.qkv.weight")]
    [InlineData("blocks.11.attention.output.bias.second_moment", "blocks.11.attn.proj.bias.second_moment")]
    [InlineData("blocks.0.attentionResidual.norm.weight", "blocks.0.norm1.weight")]
    [InlineData("blocks.0.feedForward.up.weight", "blocks.0.mlp.up.weight")]
    [InlineData("blocks.0.feedForwardResidual.norm.bias", "blocks.0.norm2.bias")]
    [InlineData("blocks.1.feedForwardResidual.scale.weight", "blocks.1.scale2.weight")]
    [InlineData("encoder.blocks.3.attention.packed.weight", "encoder.blocks.3.attn.qkv.weight")]
    [InlineData("encoder.tokens.weight", "encoder.tok_emb.weight")]
    [InlineData("sourceTokens.weight", "src_emb.weight")]
    [InlineData("encoderPositions.embedding.weight", "src_pos_emb.weight")]
    [InlineData("decoder.1.crossAttention.keyValue.weight", "decoder.1.cross_attn.kv.weight")]
    [InlineData("decoder.1.crossAttentionResidual.norm.weight", "decoder.1.norm2.weight")]
    [InlineData("decoder.1.feedForwardResidual.norm.weight", "decoder.1.norm3.weight")]
    [InlineData("encoder.1.feedForwardResidual.norm.weight", "encoder.1.norm2.weight")]
    [InlineData("decoderNorm.weight", "decoder_norm.weight")]
    [InlineData("patches.bias", "patch_emb.bias")]
    [InlineData("positions.table", "pos_emb.weight")]
    [InlineData("positions.class", "pos_emb.cls")]
    [InlineData("blocks.0.positions.table", "blocks.0.pos_bias.table")]
    [InlineData("classToken", "cls_token")]
    [InlineData("output.weight", "head.weight")]
    [InlineData("encoder.tokens.*", "encoder.tok_emb.*")]
    public void A_name_of_an_older_version_becomes_the_current_one_which_stays(string old, string current)
    {
        Assert.Equal(current, TensorNames.Current(old));
        Assert.Equal(current, TensorNames.Current(current));
    }
}
