using System.CommandLine;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>data prepare</c>: tokenizes the text of a config into shards, where training finds them.</summary>
public static class DataPrepareCommand
{
    /// <summary>The command.</summary>
    public static Command Create(CliContext context)
    {
        var configs = new Argument<string[]>("CONFIG") { Description = "Config files, or names of ready configs; later ones win", Arity = ArgumentArity.OneOrMore };
        var sets = new Option<string[]>("--set") { Description = "Change a setting, such as data.holdout=0.1", HelpName = "k=v", AllowMultipleArgumentsPerToken = true };
        var data = new Option<string?>("--data") { Description = "Read the text from this file or folder instead, - for standard input", HelpName = "PATH" };
        var lines = new Option<bool>("--jsonl") { Description = "Standard input is JSON lines" };
        var cache = new Option<string>("--cache") { Description = "The folder of prepared data", HelpName = "DIR", DefaultValueFactory = _ => Path.Combine("data", ".cache") };
        var threads = new Option<int>("--threads") { Description = "Threads that tokenize, 0 for one a core; the result is the same", HelpName = "N" };
        var command = new Command("prepare", """
            Tokenizes the text of a config into memory-mapped shards. Training does it by itself where it was not done; what was done is
            found again. The folder can also be given to train as --data.

            Example: transformer data prepare configs/gpt-stories.yaml
            """)
        {
            configs, sets, data, lines, cache, threads,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var config = ConfigFile.Load<RunConfig>(parse.GetValue(configs)!, parse.GetValue(sets) ?? []);
            var path = parse.GetValue(data);
            if (parse.GetValue(threads) is < 0 and var few) throw new UserException($"--threads ({few}) must be at least 0", "0 stands for one a core");
            if (path is not null and not "-") config = DataOverride.Apply(config, path);
            if (config.Data is not TextDataConfig text)
                throw new UserException($"data of kind {KindAttribute.Of(config.Data)} are not prepared: they are read as they are");
            if (path != "-" && PreparedData.FolderOf(text.Source) is { } folder) throw new UserException([new Problem("is prepared already", folder)]);
            var folders = parse.GetValue(cache)!;
            var files = TextSources.WithFiles(text.Source, []);
            using var standardInput = path == "-" ? new StandardInputSource(InputLines.StandardInput(context), folders, parse.GetValue(lines), files.TextField, files.Separator) : null;
            var source = standardInput ?? TextSources.Of(text.Source);
            var tokenizer = TokenizerFactory.Create(text.Tokenizer, source, folders, cancel: cancel);
            var progress = parse.GetValue(context.QuietOption) ? null : new Progress(context.Error);
            using var prepared = DataPreparation.Prepare(DataPreparation.OptionsOf(text, source, tokenizer) with { Threads = parse.GetValue(threads) }, folders, progress, cancel);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema = "transformer.data.prepare/1", prepared.Folder, Dataset = prepared.Manifest });
            else
            {
                context.Out.WriteLine(prepared.Folder);
                DataInspectCommand.Print(context.Out, prepared.Manifest);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    // A line each tenth: enough for a log, and a corpus of any size gives ten lines.
    sealed class Progress(TextWriter error) : IProgress<PreparationProgress>
    {
        long tenths = -1;

        public void Report(PreparationProgress value)
        {
            var now = value.TotalBytes == 0 ? 10 : value.Bytes * 10 / value.TotalBytes;
            if (now == tenths) return;
            tenths = now;
            error.WriteLine($"tokenized {value.Bytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB");
        }
    }
}
