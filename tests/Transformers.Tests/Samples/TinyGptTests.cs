namespace Transformers.Tests.Samples;

/// <summary>The sample of the library, as a program of its own.</summary>
[Collection("engine")]
[Trait("Category", "slow")]
public sealed class TinyGptTests : TempFolderTest
{
    [Fact]
    public void The_sample_trains_and_generates_in_about_thirty_lines()
    {
        var (code, output, error) = Run("dotnet", [Path.Combine(AppContext.BaseDirectory, "TinyGpt.dll"), folder["run"]]);
        Assert.True(code == 0, error);
        Assert.Matches(@"\d+,\d+ parameters, 200 steps, val_loss [0-5]\.\d\d\nOnce upon a time.{20,}", output.ReplaceLineEndings("\n"));
        Assert.InRange(File.ReadAllLines(Repository.PathOf("samples", "TinyGpt", "Program.cs")).Length, 10, 32);
    }

    internal static (int Code, string Output, string Error) Run(string program, string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
        var error = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEnd();
        process.WaitForExit();
        return (process.ExitCode, output, error.Result);
    }
}
