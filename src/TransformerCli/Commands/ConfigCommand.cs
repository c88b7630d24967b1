using System.CommandLine;
using TransformerCli.Output;
using Transformers.Configs;
using Transformers.IO;
using Transformers.Training;

namespace TransformerCli.Commands;

/// <summary><c>config</c>: lists, shows, copies and checks configs, and prints their schema and their reference. Does not load libtorch.</summary>
public static class ConfigCommand
{
    const string Schema = "transformer.config/1";

    public static Command Create(CliContext context) => new("config", """
        The ready-made configs: list, show, copy, check, schema, reference.

        Example: transformer config copy gpt-stories mine.yaml
        """)
    {
        List(context), Show(context), Copy(context), Check(context), SchemaOf(context), Reference(context),
    };

    static Command List(CliContext context)
    {
        var command = new Command("list", "Lists the ready-made configs.\n\nExample: transformer config list");
        context.Handle(command, (parse, _) =>
        {
            var entries = ReadyConfigs.List();
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema, Configs = entries });
            else
            {
                var table = new TextTable("name", "what it is");
                foreach (var entry in entries) table.Add(entry.Name, entry.Summary);
                if (entries.Count > 0) table.Write(context.Out, heads: false);
            }
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Show(CliContext context)
    {
        var name = Name();
        var resolved = new Option<bool>("--resolved") { Description = "With every default, as in a run folder" };
        var sets = CommonOptions.Sets();
        var command = new Command("show", "Prints a config.\n\nExample: transformer config show gpt-stories --resolved") { name, resolved, sets };
        context.Handle(command, (parse, _) =>
        {
            var path = ReadyConfigs.Resolve(parse.GetRequiredValue(name));
            var given = parse.GetValue(sets) ?? [];
            if (parse.GetValue(context.JsonOption))
                context.WriteJson(new { Schema, Name = parse.GetValue(name), Path = path, Config = ConfigWriter.ToJson(ModelFragment.LoadOrRun([path], given)) });
            else if (parse.GetValue(resolved) || given.Length > 0) context.Out.Write(ConfigWriter.ToYaml(ModelFragment.LoadOrRun([path], given)));
            else context.Out.Write(ConfigFile.ReadText(path));
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Copy(CliContext context)
    {
        var name = Name();
        var file = new Argument<string>("FILE") { Description = "Where to write it" };
        var force = new Option<bool>("--force") { Description = "Overwrite FILE if it exists" };
        var command = new Command("copy", "Copies a ready-made config to a file of your own.\n\nExample: transformer config copy gpt-stories mine.yaml") { name, file, force };
        context.Handle(command, (parse, _) =>
        {
            var text = ConfigFile.ReadText(ReadyConfigs.Resolve(parse.GetRequiredValue(name)));
            var target = parse.GetRequiredValue(file);
            if (!parse.GetValue(force) && File.Exists(target)) throw new UserException([new Problem("already exists", target, Hint: "--force overwrites it")]);
            DurableFile.WriteAsked(target, text);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema, Name = parse.GetValue(name), Path = target });
            else context.Out.WriteLine(target);
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Check(CliContext context)
    {
        var files = new Argument<string[]>("FILE") { Description = "Config files, or names of ready-made configs; several are merged, later ones overriding earlier ones, as train does", HelpName = "FILE", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Configs } };
        var each = new Option<bool>("--each") { Description = "Check each file by itself instead of merging them" };
        var sets = CommonOptions.Sets();
        var command = new Command("check", "Checks a config, or the config that several files merge to; reports every mistake with its line and remedy.\n\nExample: transformer config check mine.yaml --set model.layers=6")
        {
            files, each, sets,
        };
        context.Handle(command, (parse, _) =>
        {
            var names = parse.GetRequiredValue(files);
            var given = parse.GetValue(sets) ?? [];
            var problems = new List<Problem>();
            var right = new List<Checked>();
            foreach (var group in parse.GetValue(each) ? names.Select(one => new[] { one }) : [names])
                try
                {
                    var config = ModelFragment.LoadOrRun(group, given);
                    right.Add(new(string.Join(" + ", group), config is ModelFragment, KindOf(config)));
                }
                catch (UserException exception)
                {
                    problems.AddRange(exception.Problems);
                }
            if (problems.Count > 0) throw new UserException(problems);
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema, Files = right });
            else foreach (var one in right) context.Out.WriteLine($"{one.File}: correct, {(one.Fragment ? $"only a {one.Model} model" : one.Model)}");
            return ExitCodes.Done;
        });
        return command;
    }

    static Command SchemaOf(CliContext context)
    {
        var command = new Command("schema", "Prints the JSON schema that editors use to complete and check configs.\n\nExample: transformer config schema > schema.json");
        context.Handle(command, (_, _) =>
        {
            context.Out.Write(ConfigSchema.ToJson<RunConfig>());
            return ExitCodes.Done;
        });
        return command;
    }

    static Command Reference(CliContext context)
    {
        var command = new Command("reference", "Prints every setting, its type, bounds, default and meaning, as Markdown.\n\nExample: transformer config reference > settings.md");
        context.Handle(command, (parse, _) =>
        {
            if (parse.GetValue(context.JsonOption)) context.WriteJson(new { Schema, Markdown = ConfigReference.ToMarkdown<RunConfig>() });
            else context.Out.Write(ConfigReference.ToMarkdown<RunConfig>());
            return ExitCodes.Done;
        });
        return command;
    }

    static string KindOf(object config) => (string)ConfigWriter.ToJson(config)["model"]!["kind"]!;

    static Argument<string> Name() => new("NAME") { Description = "A ready-made config, or a file", HelpName = "NAME", CompletionSources = { Completions.Configs } };

    sealed record Checked(string File, bool Fragment, string Model);
}
