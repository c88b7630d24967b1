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

    static Command List(CliContext context) => context.Create("list", "Lists the ready-made configs.\n\nExample: transformer config list", [], (parse, _) =>
    {
        var entries = ReadyConfigs.List();
        var table = new TextTable("name", "what it is");
        foreach (var entry in entries) table.Add(entry.Name, entry.Summary);
        return context.Print(parse, new { Schema, Configs = entries }, writer =>
        {
            if (entries.Count > 0) table.Write(writer, heads: false);
        });
    });

    static Command Show(CliContext context)
    {
        var name = Name();
        var resolved = new Option<bool>("--resolved") { Description = "With every default, as in a run folder" };
        var sets = CommonOptions.Sets();
        return context.Create("show", "Prints a config.\n\nExample: transformer config show gpt-stories --resolved", [name, resolved, sets], (parse, _) =>
        {
            var path = ReadyConfigs.Resolve(parse.GetRequiredValue(name));
            var given = parse.GetValue(sets) ?? [];
            if (parse.GetValue(context.JsonOption))
                context.WriteJson(new { Schema, Name = parse.GetValue(name), Path = path, Config = ConfigWriter.ToJson(ModelFragment.LoadOrRun([path], given)) });
            else if (parse.GetValue(resolved) || given.Length > 0) context.Out.Write(ConfigWriter.ToYaml(ModelFragment.LoadOrRun([path], given)));
            else context.Out.Write(ConfigFile.ReadText(path));
            return ExitCodes.Done;
        });
    }

    static Command Copy(CliContext context)
    {
        var name = Name();
        var file = new Argument<string>("FILE") { Description = "Where to write it" };
        var force = new Option<bool>("--force") { Description = "Overwrite FILE if it exists" };
        return context.Create("copy", "Copies a ready-made config to a file of your own.\n\nExample: transformer config copy gpt-stories mine.yaml", [name, file, force], (parse, _) =>
        {
            var text = ConfigFile.ReadText(ReadyConfigs.Resolve(parse.GetRequiredValue(name)));
            var target = parse.GetRequiredValue(file);
            if (!parse.GetValue(force) && File.Exists(target)) throw new UserException([new Problem("already exists", target, Hint: "--force overwrites it")]);
            DurableFile.WriteAsked(target, text);
            return context.Print(parse, new { Schema, Name = parse.GetValue(name), Path = target }, writer => writer.WriteLine(target));
        });
    }

    static Command Check(CliContext context)
    {
        var files = new Argument<string[]>("FILE") { Description = "Config files, or names of ready-made configs; several are merged, later ones overriding earlier ones, as train does", HelpName = "FILE", Arity = ArgumentArity.OneOrMore, CompletionSources = { Completions.Configs } };
        var each = new Option<bool>("--each") { Description = "Check each file by itself instead of merging them" };
        var sets = CommonOptions.Sets();
        return context.Create("check", "Checks a config, or the config that several files merge into; reports every mistake with its line and remedy.\n\nExample: transformer config check mine.yaml --set model.layers=6", [files, each, sets], (parse, _) =>
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
            return context.Print(parse, new { Schema, Files = right }, writer =>
            {
                foreach (var one in right) writer.WriteLine($"{one.File}: correct, {(one.Fragment ? $"only a {one.Model} model" : one.Model)}");
            });
        });
    }

    static Command SchemaOf(CliContext context) => context.Create("schema", "Prints the JSON schema that editors use to complete and check configs.\n\nExample: transformer config schema > schema.json", [], (_, _) =>
    {
        context.Out.Write(ConfigSchema.ToJson<RunConfig>());
        return ExitCodes.Done;
    });

    static Command Reference(CliContext context) => context.Create("reference", "Prints every setting, its type, bounds, default and meaning, as Markdown.\n\nExample: transformer config reference > settings.md", [], (parse, _) =>
    {
        var page = ConfigReference.ToMarkdown<RunConfig>();
        return context.Print(parse, new { Schema, Markdown = page }, writer => writer.Write(page));
    });

    static string KindOf(object config) => (string)ConfigWriter.ToJson(config)["model"]!["kind"]!;

    static Argument<string> Name() => new("NAME") { Description = "A ready-made config, or a file", HelpName = "NAME", CompletionSources = { Completions.Configs } };

    sealed record Checked(string File, bool Fragment, string Model);
}
