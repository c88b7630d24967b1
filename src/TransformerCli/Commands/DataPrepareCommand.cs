using System.CommandLine;
using TransformerCli.Output;
using Transformers.Configs;
using Transformers.Data;
using Transformers.Data.Text;
using Transformers.IO;
using Transformers.Kinds;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>data prepare</c>: tokenizes the text of a config into shards, which training then finds.</summary>
static class DataPrepareCommand
{
    public static Command Create(CliContext context)
    {
        var (configs, sets) = (CommonOptions.Configs(), CommonOptions.Sets());
        var data = CommonOptions.Data("Read the text from this file or folder instead; - reads standard input");
        var include = CommonOptions.Include();
        var lines = new Option<bool>("--jsonl") { Description = "Standard input is JSON lines" };
        var cache = new Option<string>("--cache") { Description = "The folder for prepared data", HelpName = "DIR", DefaultValueFactory = _ => Path.Combine("data", ".cache") };
        var threads = new Option<int>("--threads") { Description = "Threads to tokenize with, 0 for one per core; the result is the same", HelpName = "N" };
        var command = new Command("prepare", """
            Tokenizes the text of a config into memory-mapped shards. Training does this itself if necessary.
            The folder can also be given to train as --data.

            Example: transformer data prepare configs/gpt-stories.yaml
            """)
        {
            configs, sets, data, include, lines, cache, threads,
        };
        context.Handle(command, (parse, cancel) =>
        {
            var config = ConfigFile.Load<RunConfig>(parse.GetValue(configs)!, parse.GetValue(sets) ?? []);
            var path = parse.GetValue(data);
            var workers = parse.AtLeast(0, threads, "0 means one per core");
            config = DataOverride.Apply(config, path is "-" ? null : path, parse.Patterns(include));
            if (config.Data is not TextDataConfig text)
                throw new UserException($"data of kind {KindAttribute.Of(config.Data)} need no preparation: training reads them directly");
            if (path != "-" && PreparedData.FolderOf(text.Source) is { } folder) throw new UserException([new Problem("is already prepared", folder)]);
            var folders = parse.GetValue(cache)!;
            var files = TextSources.WithFiles(text.Source, []);
            using var standardInput = path == "-" ? new StandardInputSource(InputLines.StandardInput(context), folders, parse.GetValue(lines), files.TextField, files.Separator, files.Document) : null;
            // Standard input is several documents, or one if nothing separates them.
            text = path != "-" ? Kind.ResolveText(text) : text.DocumentStart is not null ? text
                : text with { DocumentStart = parse.GetValue(lines) || files.Separator is not null || files.Document == DocumentUnit.Line };
            var source = standardInput ?? TextSources.Of(text.Source);
            var tokenizer = TokenizerFactory.Create(text.Tokenizer, source, folders, TokenizerFactory.SpecialTokensOf(text), progress: done => context.Error.Progress.Show($"training the tokenizer {done:P0}", done), cancel: cancel);
            var progress = parse.GetValue(context.QuietOption) ? null : new PreparationReporter(context.Error);
            using var prepared = DataPreparation.Prepare(DataPreparation.OptionsOf(text, source, tokenizer) with { Threads = workers }, folders, progress, cancel);
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

    // Without a terminal it prints a line for each tenth, so that a corpus of any size gives ten lines.
    sealed class PreparationReporter(EventLog error) : IProgress<PreparationProgress>
    {
        long tenths = -1;

        public void Report(PreparationProgress value)
        {
            var text = $"tokenized {value.Bytes / 1e6:N0} of {value.TotalBytes / 1e6:N0} MB";
            error.Progress.Show(text, value.TotalBytes == 0 ? 1 : (double)value.Bytes / value.TotalBytes);
            var now = value.TotalBytes == 0 ? 10 : value.Bytes * 10 / value.TotalBytes;
            if (now == tenths || error.Progress.IsLive) return;
            tenths = now;
            error.WriteLine(text);
        }
    }
}
