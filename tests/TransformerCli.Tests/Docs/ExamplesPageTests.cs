using Transformers.IO.Images;

namespace TransformerCli.Tests.Docs;

/// <summary>The commands of docs/examples.md, run one after the other on small files, with small models and few steps.</summary>
[Trait("Category", "slow")]
public sealed partial class ExamplesPageTests : FolderTest
{
    static readonly string[] Sizes = ["--set", "training.steps=4", "--set", "training.schedule.warmup=1", "--set", "model.layers=1", "--set", "model.width=32", "--device", "cpu"];

    [Fact]
    public void Every_command_of_the_page_works()
    {
        WriteData();
        var page = File.ReadAllText(Repository.PathOf("docs", "examples.md"));
        var commands = 0;
        foreach (Match block in Block().Matches(page))
        {
            var text = block.Groups["text"].Value;
            if (block.Groups["language"].Value == "yaml") File.WriteAllText(At(NameOf(text)), text);
            else
                foreach (var line in text.Split('\n', StringSplitOptions.RemoveEmptyEntries))
                {
                    Run(line);
                    commands++;
                }
        }
        Assert.InRange(commands, 12, 40);
    }

    static string NameOf(string yaml) => yaml[2..yaml.IndexOf('\n')];

    void Run(string line)
    {
        string[] words = [.. Word().Matches(line).Select(word => word.Value.Trim('"', '\''))];
        Assert.Equal("transformer", words[0]);
        string[] arguments = words[1] == "train" ? [.. words[1..], .. Sizes] : words[1..];
        var outcome = ProgramProcess.Run(Folder, arguments);
        Assert.True(outcome.ExitCode == ExitCodes.Done, $"{line}: {outcome.ExitCode} {outcome.Error}");
    }

    void WriteData()
    {
        Directory.CreateDirectory(At("texts"));
        Directory.CreateDirectory(At("letters"));
        Directory.CreateDirectory(At("pairs"));
        string[] nouns = ["haus", "auto", "tor", "boot", "dach"], colours = ["rotes", "neues", "altes", "kleines"];
        string Sentence(int i) => $"The {nouns[i % 5]} number {i} is {colours[i % 4]} and stands by the river. ";
        File.WriteAllText(At("texts", "a.txt"), string.Concat(Enumerable.Range(0, 900).Select(Sentence)));
        File.WriteAllText(At("letters", "b.txt"), string.Concat(Enumerable.Range(0, 900).Select(i => $"Dear {nouns[i % 5]}, yours is {colours[i % 4]}. " + Sentence(i))));
        foreach (var split in (string[])["train", "val", "test"])
            File.WriteAllLines(At("pairs", $"{split}.tsv"), Enumerable.Range(0, split == "train" ? 400 : 10).Select(i => $"ein {colours[i % 4]} {nouns[i % 5]} {i}\ta {colours[(i + 1) % 4]} {nouns[i % 5]} {i}"));
        foreach (var (name, colour) in ((string, int)[])[("red", 200), ("dark", 20)])
        {
            Directory.CreateDirectory(At("images", name));
            for (var i = 0; i < 20; i++)
            {
                var image = new RgbImage(32, 32);
                image.Span.Fill((byte)(colour + i));
                File.WriteAllBytes(At("images", name, $"{i}.png"), ImageCodec.EncodePng(image));
            }
        }
    }

    [GeneratedRegex("```(?<language>[a-z]*)\n(?<text>.*?)```", RegexOptions.Singleline)]
    private static partial Regex Block();

    [GeneratedRegex("\"[^\"]*\"|'[^']*'|\\S+")]
    private static partial Regex Word();
}
