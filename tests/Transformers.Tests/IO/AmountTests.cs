namespace Transformers.Tests.IO;

public sealed class AmountTests
{
    [Theory]
    [InlineData(0, "line", null, "0 lines")]
    [InlineData(1, "line", null, "1 line")]
    [InlineData(1200, "line", null, "1,200 lines")]
    [InlineData(1, "class", "classes", "1 class")]
    [InlineData(2, "class", "classes", "2 classes")]
    [InlineData(1, "test series", null, "1 test series")]
    [InlineData(2, "test series", null, "2 test series")]
    public void A_number_agrees_with_its_noun(long count, string one, string? several, string text) => Assert.Equal(text, Amount.Of(count, one, several));
}
