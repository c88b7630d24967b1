namespace Transformers.Tests.Samples;

/// <summary>The sample of the library, as a program of its own.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class TinyGptTests : TempFolderTest
{
    [Fact]
    public void The_sample_trains_and_generates_in_about_thirty_lines()
    {
        var output = Programs.Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "TinyGpt.dll"), folder["run"]]).Done().Output;
        Assert.Matches(@"\d+,\d+ parameters, 200 steps, val_loss [0-5]\.\d\d\nOnce upon a time.{20,}", output.ReplaceLineEndings("\n"));
        Assert.InRange(File.ReadAllLines(Repository.PathOf("samples", "TinyGpt", "Program.cs")).Length, 10, 32);
    }
}
