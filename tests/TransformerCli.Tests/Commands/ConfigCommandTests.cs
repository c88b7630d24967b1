using System.Text.Json.Nodes;

namespace TransformerCli.Tests.Commands;

public sealed class ConfigCommandTests : FolderTest
{
    [Theory, MemberData(nameof(BadConfigs.Rows), MemberType = typeof(BadConfigs))]
    public void A_bad_config_gives_exit_code_2_and_its_line_and_no_stack_trace(int row, string name)
    {
        var bad = BadConfigs.All[row];
        Assert.Equal(name, bad.Name);
        var file = Write(bad.File, bad.Content);

        var (code, output, error) = CommandLine.Run("config", "check", file);

        Assert.Equal(2, code);
        Assert.Empty(output);
        Assert.Contains($"error: {file}:{bad.Line}:", error);
        Assert.Contains(bad.Says, error);
        if (bad.Path is not null) Assert.Contains(bad.Path, error);
        if (bad.Remedy is not null) Assert.Contains(bad.Remedy, error);
        Assert.DoesNotContain("   at ", error);
        Assert.DoesNotContain("Exception", error);
    }

    [Fact]
    public void With_json_problems_are_one_document_on_standard_output()
    {
        var file = Write("bad.yaml", BadConfigs.Good.Replace("layers: 4", "layers: 0"));
        var (code, output, error) = CommandLine.Run("config", "check", file, "--json");
        Assert.Equal((2, ""), (code, error));
        var problem = JsonNode.Parse(output)!["errors"]![0]!;
        Assert.Equal((file, 9, "model.layers"), ((string)problem["file"]!, (int)problem["line"]!, (string)problem["path"]!));
    }

    [Fact]
    public void Every_ready_config_is_listed_with_what_it_is_and_passes_its_check()
    {
        var output = CommandLine.Printed("config", "list");
        var names = output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => line.Split(' ', 2)).ToList();
        Assert.Equal(Directory.GetFiles(Repository.PathOf("configs"), "*.yaml", SearchOption.AllDirectories).Length, names.Count);
        Assert.Contains("gpt-stories", names.Select(n => n[0]));
        Assert.All(names, line => Assert.NotEmpty(line[1].Trim()));
        var check = CommandLine.Done(["config", "check", "--each", .. names.Select(n => n[0])]);
        Assert.Contains("gpt2-small: valid, only a gpt model", check.Output);
    }

    [Fact]
    public void A_ready_config_is_shown_as_written_or_resolved()
    {
        Assert.Equal(File.ReadAllText(Repository.PathOf("configs", "gpt-stories.yaml")), CommandLine.Run("config", "show", "gpt-stories").Output);
        var resolved = CommandLine.Run("config", "show", "gpt-stories", "--resolved", "--set", "model.layers=6").Output;
        Assert.Contains("  layers: 6\n", resolved);
        Assert.Contains("tie_embeddings: true", resolved);
        var json = JsonNode.Parse(CommandLine.Run("config", "show", "gpt-stories", "--json").Output)!;
        Assert.Equal("transformer.config/1", (string)json["schema"]!);
        Assert.Equal(4, (int)json["config"]!["model"]!["layers"]!);
    }

    [Fact]
    public void A_ready_config_is_copied_and_never_over_a_file_unless_forced()
    {
        var target = At("mine.yaml");
        Assert.Equal(0, CommandLine.Run("config", "copy", "gpt-stories", target).ExitCode);
        Assert.Equal(0, CommandLine.Run("config", "check", target).ExitCode);
        File.WriteAllText(target, "mine");
        var (code, _, error) = CommandLine.Run("config", "copy", "gpt-stories", target);
        Assert.Equal(2, code);
        Assert.Contains("--force", error);
        Assert.Equal("mine", File.ReadAllText(target));
        Assert.Equal(0, CommandLine.Run("config", "copy", "gpt-stories", target, "--force").ExitCode);
        Assert.NotEqual("mine", File.ReadAllText(target));
        Assert.Equal(0, CommandLine.Run("config", "copy", "gpt-stories", At("new", "folder", "copy.yaml")).ExitCode);
        Assert.Contains("cannot be written", CommandLine.Run("config", "copy", "gpt-stories", Path.Combine(target, "below-a-file.yaml")).Error);
    }

    [Fact]
    public void Files_are_checked_each_by_itself_or_merged()
    {
        var good = Write("good.yaml", BadConfigs.Good);
        var overlay = Write("overlay.yaml", "training: { steps: 900 }\n"u8.ToArray());
        Assert.Equal(2, CommandLine.Run("config", "check", "--each", good, overlay).ExitCode);
        var output = CommandLine.Printed("config", "check", good, overlay);
        Assert.Contains("valid, gpt", output);
        Assert.Equal(0, CommandLine.Run("config", "check", "gpt-stories", "gpt2-small", "--set", "training.batch.tokens=8192").ExitCode);
    }

    [Fact]
    public void The_error_for_a_conflicting_overlay_says_how_to_remove_the_setting_below_it()
    {
        var overlay = Write("sequences.yaml", "training: { batch: { sequences: 8 } }\n"u8.ToArray());
        var (code, _, error) = CommandLine.Run("config", "check", "gpt-stories", overlay);
        Assert.Equal(2, code);
        Assert.Contains("tokens: null", error);
        Write("sequences.yaml", "training: { batch: { tokens: null, sequences: 8 } }\n"u8.ToArray());
        Assert.Equal(0, CommandLine.Run("config", "check", "gpt-stories", overlay).ExitCode);
    }

    [Fact]
    public void Settings_may_come_in_any_order_and_the_default_kind_need_not_be_named()
    {
        var good = Write("good.yaml", BadConfigs.Good);
        string[][] orders = [["training.optimizer.lr=0.5", "training.optimizer.kind=sgd"], ["training.optimizer.kind=sgd", "training.optimizer.lr=0.5"]];
        foreach (var order in orders)
        {
            var shown = CommandLine.Run(["config", "show", good, .. order.SelectMany(set => (string[])["--set", set])]).Output;
            Assert.Contains("kind: sgd", shown);
            Assert.Contains("lr: 0.5", shown);
        }
        var copy = CommandLine.Done("config", "show", "copy", "--set", "training.schedule.warmup=10");
        Assert.Contains("warmup: 10", copy.Output);
    }

    [Theory]
    [InlineData("seed: 1\ndata:\n\tkind: text\n", 3, 1)]
    [InlineData("data:\n  kind: text\n  \tsource: x\nmodel:\n  kind: gpt\n", 3, 3)]
    [InlineData("seed: 1\ndata:\n  kind: text\n\nmodel:\n\tkind: gpt\n", 6, 1)]
    public void A_tab_in_the_indentation_is_reported_where_it_is(string text, int line, int column)
    {
        var file = Write("tab.yaml", System.Text.Encoding.UTF8.GetBytes(text));
        var error = CommandLine.Refused("config", "check", file);
        Assert.Contains($"tab.yaml:{line}:{column}:", error);
        Assert.Contains("spaces", error);
    }

    [Fact]
    public void A_setting_on_the_command_line_is_checked_like_one_in_the_file()
    {
        Assert.Equal(0, CommandLine.Run("config", "check", "gpt-stories", "--set", "model.layers=6", "--set", "model.heads=8").ExitCode);
        var (code, _, error) = CommandLine.Run("config", "check", "gpt-stories", "--set", "model.layres=6");
        Assert.Equal(2, code);
        Assert.Contains("error: --set: model.layres is not a setting of kind gpt (did you mean layers?)", error);
    }

    [Fact]
    public void The_schema_is_printed_as_it_is_committed() =>
        Assert.Equal(File.ReadAllText(Repository.PathOf("configs", "schema.json")), CommandLine.Run("config", "schema").Output);
}
