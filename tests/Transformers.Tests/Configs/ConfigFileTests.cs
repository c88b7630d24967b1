namespace Transformers.Tests.Configs;

public sealed class ConfigFileTests : FolderTest
{
    static RunConfig With(params string[] sets) => ConfigFile.Parse<RunConfig>(BadConfigs.Good, sets: sets);

    static Problem Refused(Func<object> load) => Assert.Single(Assert.Throws<UserException>(load).Problems);

    [Fact]
    public void A_setting_that_is_none_leaves_the_others_to_be_judged()
    {
        var refused = Assert.Throws<UserException>(() => Training.TinyRuns.Config("training.steps", "model.layers=0"));
        Assert.Equal(2, refused.Problems.Count);
        Assert.Contains("training.steps", refused.Message);
        Assert.Contains("model.layers (0) must be between 1 and 10000", refused.Message);
    }

    [Fact]
    public void A_config_binds_to_records_with_what_it_says_and_defaults_for_the_rest()
    {
        var config = ConfigFile.Parse<RunConfig>(BadConfigs.Good);

        Assert.Equal(1337ul, config.Seed);
        var data = Assert.IsType<TextDataConfig>(config.Data);
        Assert.Equal(new GeneratedTextConfig { Generator = TextGeneratorKind.Stories, Size = new(20_000_000) }, data.Source);
        Assert.Equal(new BpeTokenizerConfig { Vocabulary = 2048 }, data.Tokenizer);
        Assert.Equal(HoldoutMode.Auto, data.HoldoutMode);
        Assert.IsType<RandomBatchesConfig>(data.Batches);
        Assert.Equal(new GptConfig { Layers = 4, Heads = 4, Width = 128, Context = 128, Positions = new RotaryPositionsConfig() }, config.Model);
        Assert.Equal(new AdamWConfig { Lr = 1e-3, Betas = (0.9, 0.99), WeightDecay = 0.1 }, config.Training.Optimizer);
        Assert.Equal(new CosineScheduleConfig { Warmup = 100, FinalLr = 1e-4 }, config.Training.Schedule);
        Assert.Equal(new BatchConfig { Tokens = 4096 }, config.Training.Batch);
        Assert.Equal(new ValidateConfig { Every = 250, Batches = 20 }, config.Training.Validate);
        Assert.Equal(new CheckpointConfig { Every = 500, Keep = 2, Best = true }, config.Training.Checkpoint);
        Assert.Null(config.Training.Ema);
    }

    [Fact]
    public void The_same_keys_in_json_give_the_same_config()
    {
        var yaml = ConfigFile.Parse<RunConfig>(BadConfigs.Good);
        var json = ConfigFile.Parse<RunConfig>(ConfigWriter.ToJson(yaml).ToJsonString(), "run.json");
        Assert.Equal(yaml, json);
    }

    [Fact]
    public void Problems_in_every_section_are_reported_together_in_line_order()
    {
        var text = BadConfigs.Good.Replace("layers: 4", "layer: 4").Replace("steps: 800", "steps: soon").Replace("20MB", "much").Replace("clip: 1.0", "clip: -1");
        var problems = Assert.Throws<UserException>(() => ConfigFile.Parse<RunConfig>(text, "my.yaml")).Problems;
        Assert.Equal(["data.source.size", "model.layer", "training.steps", "training.clip"], problems.Select(p => p.Path));
        Assert.Equal("my.yaml:15:10: training.steps (soon) must be a whole number", problems[2].ToString());
    }

    [Fact]
    public void Of_several_files_the_later_wins_key_by_key()
    {
        var first = Write("a.yaml", BadConfigs.Good);
        var second = Write("b.json", """{ "model": { "layers": 6 }, "training": { "optimizer": { "lr": 0.002 } } }""");
        var config = ConfigFile.Load<RunConfig>([first, second]);
        var model = Assert.IsType<GptConfig>(config.Model);
        Assert.Equal((6, 4), (model.Layers, model.Heads));
        Assert.Equal(new AdamWConfig { Lr = 0.002, Betas = (0.9, 0.99), WeightDecay = 0.1 }, config.Training.Optimizer);
    }

    [Fact]
    public void A_problem_names_the_file_that_it_comes_from()
    {
        var first = Write("a.yaml", BadConfigs.Good);
        var second = Write("b.yaml", "model:\n  width: 130\n");
        var problem = Refused(() => ConfigFile.Load<RunConfig>([first, second]));
        Assert.Equal((second, 2, "model.width"), (problem.File, problem.Line, problem.Path));
    }

    [Fact]
    public void A_changed_kind_replaces_the_settings_of_the_old_one()
    {
        Assert.Equal(new SgdConfig { Lr = 0.1 }, With("training.optimizer={ kind: sgd, lr: 0.1 }").Training.Optimizer);
        Assert.Equal(new ConstantScheduleConfig { Warmup = 5 }, With("training.schedule.kind=constant", "training.schedule.warmup=5").Training.Schedule);
        Assert.Equal(new CosineScheduleConfig { Warmup = 7, FinalLr = 1e-4 }, With("training.schedule={ kind: cosine, warmup: 7 }").Training.Schedule);
    }

    [Fact]
    public void A_source_of_another_sort_replaces_the_old_one()
    {
        var source = Assert.IsType<TextFilesConfig>(Assert.IsType<TextDataConfig>(With("data.source.files=[a.txt, b.txt]").Data).Source);
        Assert.Equal(["a.txt", "b.txt"], source.Files);
    }

    [Theory]
    [InlineData("training.steps=1_000", 1000)]
    [InlineData("training.steps=2e3", 2000)]
    [InlineData("training.steps=1.5e3", 1500)]
    [InlineData(" training.steps = 900", 900)]
    public void A_setting_takes_numbers_in_every_usual_form(string set, int steps) => Assert.Equal(steps, With(set).Training.Steps);

    [Fact]
    public void The_largest_seed_is_read_exactly() => Assert.Equal(ulong.MaxValue, With("seed=18446744073709551615").Seed);

    [Fact]
    public void Null_takes_back_an_optional_setting()
    {
        Assert.Equal(2, ((GptConfig)With("model.key_value_heads=2").Model).KeyValueHeads);
        Assert.Null(((GptConfig)With("model.key_value_heads=2", "model.key_value_heads=null").Model).KeyValueHeads);
        Assert.Equal(0.99, With("training.ema.decay=0.99").Training.Ema?.Decay);
    }

    [Theory]
    [InlineData("model.layers", null, "has no =")]
    [InlineData("=3", null, "is not a path")]
    [InlineData("model..layers=3", null, "is not a path")]
    [InlineData("model.layers=many", "model.layers", "(many) must be a whole number")]
    [InlineData("model.layres=3", "model.layres", "not a setting")]
    [InlineData("model.layers.first=3", "model.layers", "is a mapping")]
    [InlineData("model.layers=[1", null, "model.layers ([1): this is not YAML")]
    [InlineData("model.layers=*x", null, "alias")]
    [InlineData("model.layers=", "model.layers", "has no value")]
    [InlineData("model.width=130", "model.width", "must be divisible by model.heads (4)")]
    public void A_bad_setting_is_refused_and_shown_as_such(string set, string? path, string says)
    {
        var problem = Refused(() => With(set));
        Assert.Equal(("--set", null, path), (problem.File, problem.Line, problem.Path));
        Assert.Contains(says, problem.Message);
    }

    [Fact]
    public void The_error_for_a_missing_file_suggests_the_ready_config_that_was_meant()
    {
        var problem = Refused(() => ConfigFile.Load<RunConfig>(["gpt-storys"]));
        Assert.Equal("gpt-storys", problem.File);
        Assert.Contains("gpt-stories", problem.Hint);
    }

    [Fact]
    public void A_folder_and_a_file_of_many_megabytes_are_not_configs()
    {
        Assert.Contains("folder", Refused(() => ConfigFile.Load<RunConfig>([Folder])).Message);
        var large = Write("large.yaml", "# " + new string('x', ConfigFile.MaximumBytes));
        Assert.Contains("larger than", Refused(() => ConfigFile.Load<RunConfig>([large])).Message);
    }

    [Fact]
    public void A_byte_order_mark_and_windows_line_ends_are_read()
    {
        var path = Write("windows.yaml", "\ufeff" + BadConfigs.Good.Replace("\n", "\r\n"));
        Assert.Equal(ConfigFile.Parse<RunConfig>(BadConfigs.Good), ConfigFile.Load<RunConfig>([path]));
    }

    [Fact]
    public void A_config_changed_in_code_is_held_to_the_same_rules()
    {
        var config = ConfigFile.Parse<RunConfig>(BadConfigs.Good);
        ConfigFile.Check(config);
        var problem = Refused(() => { ConfigFile.Check(config with { Training = config.Training with { Steps = 50 } }); return config; });
        Assert.Equal("training.schedule.warmup (100) must be at most training.steps (50)", problem.Message);
    }

    [Fact]
    public void A_misspelt_setting_is_not_also_reported_as_missing()
    {
        var problem = Refused(() => ConfigFile.Parse<RunConfig>(BadConfigs.Good.Replace("  tokenizer:", "  tokeniser:")));
        Assert.Equal(("data.tokeniser", "did you mean tokenizer?"), (problem.Path, problem.Hint));
    }

    [Fact]
    public void A_problem_found_later_is_reported_with_the_position_of_its_setting()
    {
        var path = Write("late.yaml", BadConfigs.Good.Replace("generator: stories, size: 20MB", "files: [a.txt, b.txt]"));
        var loaded = ConfigFile.Open<RunConfig>([path], ["training.batch.tokens=8192"]);

        Problem Late(string setting) =>
            Refused(() => loaded.WithPositions<object>(_ => throw new UserException([new Problem($"{setting} is bad", Path: setting)])));

        Assert.Equal($"{path}:4:28: data.source.files[1] is bad", Late("data.source.files[1]").ToString());
        Assert.Equal($"{path}:2:1: data.holdout_mode is bad", Late("data.holdout_mode").ToString());
        Assert.Equal("--set: training.batch.tokens is bad", Late("training.batch.tokens").ToString());
        Assert.Equal(8192, loaded.WithPositions(config => config.Training.Batch.Tokens));
    }

    [Fact]
    public void A_config_with_only_a_model_is_distinguished_from_a_run()
    {
        var path = Write("model.yaml", "model: { kind: gpt, layers: 1, heads: 1, width: 8, context: 4 }");
        Assert.IsType<ModelFragment>(ModelFragment.LoadOrRun([path]));
        Assert.IsType<RunConfig>(ModelFragment.LoadOrRun([Write("run.yaml", BadConfigs.Good), path], ["training.batch.tokens=4096"]));
        Assert.Contains(Assert.Throws<UserException>(() => ModelFragment.LoadOrRun([path], ["trainng.steps=3"])).Problems, p => p.Hint == "did you mean training?");
    }

    [Fact]
    public void Thousands_of_mistakes_are_reported_in_a_hundred_lines()
    {
        var text = string.Concat(Enumerable.Range(0, 20_000).Select(i => $"k{i}: {i}\n"));
        var problems = Assert.Throws<UserException>(() => ConfigFile.Parse<RunConfig>(text)).Problems;
        Assert.Equal(101, problems.Count);
        Assert.Equal("and 19903 more problems", problems[^1].Message);
    }

    [Fact]
    public void Whatever_is_done_to_a_config_it_is_read_or_refused_and_nothing_else_happens()
    {
        var random = new Random(7);
        const string Pieces = "{}[]:,-&*!|>'\"%@`#?\n\t \\0123456789.eEx_~\u0085\u2028\ud800\udc00é";
        for (var round = 0; round < 1500; round++)
        {
            var text = new System.Text.StringBuilder(BadConfigs.Good);
            for (var edits = random.Next(1, 6); edits > 0; edits--)
            {
                var place = random.Next(text.Length);
                if (random.Next(3) == 0) text.Remove(place, Math.Min(random.Next(1, 20), text.Length - place));
                else text.Insert(place, Pieces[random.Next(Pieces.Length)]);
            }
            try
            {
                ConfigFile.Parse<RunConfig>(text.ToString(), round % 2 == 0 ? "x.yaml" : "x.json");
            }
            catch (UserException exception)
            {
                Assert.NotEmpty(exception.Problems);
            }
        }
    }
}
