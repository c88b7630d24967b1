namespace TransformerCli.Tests;

public class AppTests
{
    [Theory]
    [InlineData("trian", "did you mean train?")]
    [InlineData("train --maxsteps 3 x.yaml", "did you mean --max-steps?")]
    [InlineData("tokenizer encod", "did you mean encode?")]
    [InlineData("train x.yaml --jsno", "did you mean --json?")]
    public void A_misspelt_word_is_exit_code_2_with_the_near_one(string line, string near) =>
        Assert.Contains(near, CommandLine.Run(line.Split(' ')).Exits(2).Error);

    [Fact]
    public void Version_prints_those_of_the_program_libtorch_and_dotnet()
    {
        var lines = CommandLine.Run("--version").Output.Split('\n');
        Assert.Matches(@"^transformer \d+\.\d+\.\d+$", lines[0].TrimEnd());
        Assert.Matches(@"^libtorch \d+\.\d+", lines[1]);
        Assert.StartsWith(".NET ", lines[2]);
    }
}
