using Transformers.Generators.Stories;
using Transformers.IO;

namespace Transformers.Data.Text;

/// <summary>Opens the text that a config names.</summary>
public static class TextSources
{
    /// <summary>The source that a config describes.</summary>
    /// <param name="config">A generator or files.</param>
    /// <exception cref="UserException">A file is not there.</exception>
    public static TextSource Of(TextSourceConfig config) => config switch
    {
        GeneratedText { Generator: TextGenerator.Stories } stories => new StorySource(stories.Seed, stories.Size.Bytes),
        TextFiles files => new FileTextSource(files.Files, OptionsOf(files)),
        _ => throw new ArgumentOutOfRangeException(nameof(config), config, "a source of text without a reader"),
    };

    /// <summary>How a config has files read; of a generator, how files that it wrote are.</summary>
    /// <param name="config">A generator or files.</param>
    public static TextFileOptions OptionsOf(TextSourceConfig config) => config switch
    {
        TextFiles files => new TextFileOptions(files.TextField, files.Separator),
        GeneratedText { Generator: TextGenerator.Stories } => new TextFileOptions(Separator: StoryGenerator.Separator),
        _ => new(),
    };
}
