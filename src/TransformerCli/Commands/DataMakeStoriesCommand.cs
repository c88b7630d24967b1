using System.CommandLine;
using System.Text;
using Transformers.Configs;
using Transformers.Generators.Stories;
using Transformers.IO;

namespace TransformerCli.Commands;

/// <summary><c>data make stories</c>: writes generated stories as one text file.</summary>
public static class DataMakeStoriesCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var size = new Option<string>("--size") { Description = "How much text, such as 20MB", DefaultValueFactory = _ => "20MB" };
        var seed = new Option<ulong>("--seed") { Description = "One seed always gives the same stories", DefaultValueFactory = _ => 1 };
        var output = new Option<string>("--out") { Description = "The folder to write", HelpName = "DIR", DefaultValueFactory = _ => Path.Combine("data", "stories") };
        var command = new Command("stories", $"Short English stories, with the line {StoryGenerator.Separator} between two.\n\nExample: transformer data make stories --size 20MB --out data/stories")
        {
            size, seed, output,
        };
        context.Handle(command, (parse, cancel) =>
        {
            if (!ByteSize.TryParse(parse.GetValue(size)!, out var bytes) || bytes.Bytes == 0)
                throw new UserException($"--size ({parse.GetValue(size)}) must be a size such as 20MB, above 0");
            var report = Write(parse.GetValue(output)!, bytes.Bytes, parse.GetValue(seed), cancel);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(report);
            else context.Out.WriteLine($"{report.File}: {report.Documents:N0} stories, {report.Bytes:N0} bytes; read it with separator: \"{report.Separator}\"");
            return ExitCodes.Done;
        });
        return command;
    }

    static Document Write(string folder, long bytes, ulong seed, CancellationToken cancel)
    {
        var path = Path.Combine(folder, "stories.txt");
        var partial = $"{path}.{Environment.ProcessId}.partial";
        long documents = 0, written;
        try
        {
            Directory.CreateDirectory(folder);
            using (var file = new StreamWriter(partial, append: false, new UTF8Encoding(false), 1 << 16))
            {
                foreach (var story in StoryGenerator.Generate(seed, bytes))
                {
                    cancel.ThrowIfCancellationRequested();
                    if (documents++ > 0) file.Write($"{StoryGenerator.Separator}\n");
                    file.Write(story);
                    file.Write('\n');
                }
                file.Flush();
                written = file.BaseStream.Length;
            }
            File.Move(partial, path, overwrite: true);
        }
        catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
        {
            throw new UserException([new Problem($"cannot be written: {exception.Message}", path)], exception);
        }
        finally
        {
            if (File.Exists(partial)) File.Delete(partial);
        }
        return new Document("transformer.data.make/1", "stories", path, documents, written, seed, StoryGenerator.Separator);
    }

    sealed record Document(string Schema, string Kind, string File, long Documents, long Bytes, ulong Seed, string Separator);
}
