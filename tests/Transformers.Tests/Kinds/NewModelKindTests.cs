using TorchSharp.Modules;
using Transformers.Tests.Conventions;
using static TorchSharp.torch;

namespace Transformers.Tests.Kinds;

/// <summary>A kind of model of the tests' own, to show that this file is all it takes.</summary>
[Collection("engine")]
public sealed class NewModelKindTests : TempFolderTest
{
    [Kind("bigram")]
    public sealed record BigramConfig : TextModelConfig
    {
        public override required int Width { get; init; }

        public int Context { get; init; } = 16;

        public override int? RowLength() => Context;

        internal override void AddProducts(ForwardProducts products, BatchShape batch, ModelSizes sizes) =>
            products.Matrix(batch.Rows * batch.Source, Width, sizes.Vocabulary);
    }

    /// <summary>Predicts the next token from the last one alone.</summary>
    sealed class Bigram : nn.Module, ILanguageModel
    {
        readonly Embedding tokens;
        readonly Layers.Linear head;

        internal Bigram(BigramConfig config, int vocabulary, Generator? generator) : base(nameof(Bigram))
        {
            (Vocabulary, Context) = (vocabulary, config.Context);
            tokens = nn.Embedding(vocabulary, config.Width);
            head = new Layers.Linear(config.Width, vocabulary, hasBias: false);
            RegisterComponents();
            Initialization.Apply(this, new Gpt2InitConfig { Std = 0.1 }, layers: 1, generator);
        }

        public int Vocabulary { get; }
        public int Context { get; }
        public Tensor OutputWeight => head.weight;
        public ScalarType Compute => ScalarType.Float32;
        public KeyValueCache NewCache() => new(0);

        public Tensor Hidden(Tensor ids, KeyValueCache? cache = null, AttentionRecorder? recorder = null, Tensor? mask = null, RandomPosition random = default)
        {
            recorder?.Add(eye(ids.size(1)).view(1, 1, ids.size(1), ids.size(1)));
            return tokens.call(ids);
        }

        public Tensor Logits(Tensor hidden) => head.call(hidden);
    }

    sealed class BigramKind : LanguageModelKind<BigramConfig, Bigram>
    {
        protected override Bigram Create(BigramConfig model, int vocabulary, Generator? generator = null) => new(model, vocabulary, generator);

        protected override int ContextOf(BigramConfig model) => model.Context;
    }

    const string Config = """
        data:
          kind: text
          source: { generator: stories, size: 60kB }
          tokenizer: { kind: bytes }
          holdout: 0.1
        model: { kind: bigram, width: 16 }
        training:
          steps: 30
          batch: { tokens: 256 }
          optimizer: { kind: adamw, lr: 0.05 }
          precision: fp32
          sample: { tokens: 0 }
        """;

    [Fact]
    public void A_kind_of_one_file_trains_from_a_config_is_evaluated_and_inspected()
    {
        using var kinds = KindAttribute.Add(typeof(BigramConfig));
        var config = ConfigFile.Parse<RunConfig>(Config);
        var options = new TrainingOptions { Run = folder["run"], Cache = folder["cache"] };

        var result = TrainingRun.Start(config, options);
        Assert.Equal(("bigram", 30L), (result.Model, result.Steps));
        Assert.InRange(result.ValLoss!.Value, 1, 4.5);

        var run = TrainedRun.Open(options.Run);
        var evaluation = Kind.For(run).Evaluate(run, "run", new EvaluationOptions { Cache = options.Cache });
        Assert.Equal(result.ValLoss!.Value, evaluation.Metrics["loss"], 1e-5);
        using (var scorer = Kind.For(run).OpenScorer(run, CPU)) Assert.Single(scorer.Score([new ScoreInput("Once upon")]));

        var inspection = Inspector.Inspect(config, new InspectionOptions { Measure = false });
        Assert.Equal(result.Parameters, inspection.Cost.Parameters);
        Assert.Equal(6.0 * 16 * inspection.Vocabulary!.Value, inspection.Cost.TrainingFlops);
    }

    [Fact]
    public void Its_mistakes_are_reported_where_they_are() =>
        Assert.Contains("training.batch.tokens (250) must be a multiple of model.context (16)", Assert.Throws<UserException>(() =>
        {
            using var kinds = KindAttribute.Add(typeof(BigramConfig));
            ConfigFile.Parse<RunConfig>(Config.Replace("tokens: 256", "tokens: 250"));
        }).Message);

    [Fact]
    public void Outside_Models_and_Kinds_nothing_asks_which_kind_of_model_it_has()
    {
        var names = string.Join('|', typeof(ModelConfig).Assembly.GetTypes().Where(type => type.IsSubclassOf(typeof(ModelConfig))).Select(type => type.Name));
        var asks = new Regex($@"\b(is|is not|as|case|or|not)\s+\(?({names})\b|Model:\s*({names})\b|^\s*({names})(\s+\w+|\s*\{{.*\}})?\s*=>|\(({names})\)\s*\w");
        var found = SourceFile.Below("Transformers", 150, ".cs").Where(file => !file.Path.Contains("/Models/") && !file.Path.Contains("/Kinds/"))
            .Concat(SourceFile.Below("TransformerCli", 25, ".cs"))
            .SelectMany(file => file.Code.Where(line => asks.IsMatch(line)).Select(line => $"{file.Path}: {line.Trim()}"));
        Assert.Empty(found);
    }
}
