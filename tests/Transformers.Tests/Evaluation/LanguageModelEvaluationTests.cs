namespace Transformers.Tests.Evaluation;

/// <summary>A language model on text that it was not trained on.</summary>
[Collection("engine")]
public class LanguageModelEvaluationTests : TinyRunTest
{
    [Fact]
    public void Another_file_is_cut_into_documents_where_the_training_text_was()
    {
        var config = TinyRuns.Config();
        runs.Train(config, "run", maxSteps: 2);
        string[] stories = [.. Enumerable.Range(0, 12).Select(i => $"Story {i} has a sentence that is like the others.")];
        var separator = TextSources.WithFiles(((TextDataConfig)config.Data).Source, []).Separator;
        File.WriteAllText(runs.PathOf("all.txt"), string.Join($"\n{separator}\n", stories));
        Directory.CreateDirectory(runs.PathOf("apart"));
        for (var i = 0; i < stories.Length; i++) File.WriteAllText(Path.Combine(runs.PathOf("apart"), $"{i:00}.txt"), stories[i]);
        var (one, many) = (Evaluate("all.txt"), Evaluate("apart"));
        Assert.Equal(many.Examples, one.Examples);
        Assert.Equal(many.Metrics["loss"], one.Metrics["loss"]);

        EvaluationResult Evaluate(string data) => Kind.For(TrainedRun.Open(runs.PathOf("run"))).Evaluate(TrainedRun.Open(runs.PathOf("run")), runs.PathOf("run"),
            new EvaluationOptions { Data = runs.PathOf(data), Cache = runs.PathOf("cache") });
    }
}
