using Transformers.Data;
using Transformers.Data.ImageText;
using Transformers.Evaluation;
using Transformers.Layers;
using Transformers.Metrics;
using Transformers.Models;
using Transformers.Training;
using static TorchSharp.torch;

namespace Transformers.Kinds;

/// <summary>Evaluates a model of images with text on a split: answers, matches, and retrieval in both directions.</summary>
sealed class ImageTextEvaluation
{
    /// <summary>The maximum number of pairs for retrieval: every caption is scored with every image.</summary>
    internal const int MostRetrieved = 200;

    readonly ImageTextRun run;
    readonly EvaluationOptions options;
    readonly CancellationToken cancel;
    readonly ImageTextSplit split;
    readonly string splitName;
    readonly ImageTextCorpus corpus;
    readonly ImageTextBatches batches;
    readonly ObjectivesConfig objectives;
    readonly Dictionary<string, double> metrics = [];
    readonly int[] asked, twofold, retrieved;
    long done;

    ImageTextEvaluation(ImageTextRun run, EvaluationOptions options, CancellationToken cancel)
    {
        (this.run, this.options, this.cancel) = (run, options, cancel);
        var data = (ImageTextDataConfig)run.Run.Config.Data;
        var source = options.Data is { } path ? data with { Limit = null, Source = data.Source.At(path), Holdout = options.Split is null ? null : data.Holdout } : data;
        var splits = source.Open();
        split = File.Exists(options.Data) ? splits.Train with { Name = "data" } : splits.Choose(options.Split);
        options.WarnOfText(split.File is { } file ? [file] : []);
        splitName = ReferenceEquals(split, splits.Validation) ? "validation" : split.Name;
        corpus = ImageTextCorpus.Encode(split, run.Tokenizer, run.Answers, Math.Min(data.MaxLength, run.Model.Context), cancel);
        objectives = ((VilbertConfig)run.Run.Config.Model).Objectives;
        batches = PreparedPairs.BatchesOf(corpus, split, run.Tokenizer, run.Input, objectives, new BucketOptions { Sequences = 1, Shuffle = false }, run.Model.Patches);
        Precisions.Apply(run.Model, Precisions.Resolve(options.Precision, run.Device));
        var all = Enumerable.Range(0, corpus.Count);
        asked = run.Answers.Count == 0 ? [] : [.. all.Where(i => corpus.Examples[i].Answer is not null)];
        if (objectives.Match > 0)
        {
            twofold = [.. all.Where(i => corpus.IdsOf(i, TextPart.FalseCaption) is not null)];
            retrieved = [.. all.DistinctBy(i => corpus.Examples[i].Caption ?? corpus.Examples[i].Text).DistinctBy(i => corpus.Examples[i].Image).Take(MostRetrieved)];
        }
        else (twofold, retrieved) = ([], []);
        if (retrieved.Length < 2) retrieved = [];
    }

    // The rows that go through the model: questions two or four times, captions twice, and each caption with each image.
    void Report(long rows)
    {
        done += rows;
        var total = (objectives.Alone > 0 ? 4L : 2L) * asked.Length + 2L * twofold.Length + (long)retrieved.Length * retrieved.Length;
        options.Progress?.Invoke((double)done / total);
    }

    internal static EvaluationResult Run(ImageTextRun run, string name, EvaluationOptions options, CancellationToken cancel)
    {
        using var inference = no_grad();
        var evaluation = new ImageTextEvaluation(run, options, cancel);
        if (evaluation.asked.Length == 0) PredictionFile.Refuse(options, "leave it out: there are no questions with an answer");
        using var predictions = new PredictionFile(options.Output, options.Processes);
        var questions = evaluation.Answer(predictions);
        evaluation.Match();
        evaluation.Retrieve();
        if (evaluation.metrics.Count == 0) throw new UserException($"the split {evaluation.split.Name} has nothing to evaluate: it has no answers, and the model was not trained to match captions");
        predictions.Complete();
        return new()
        {
            Run = name, Checkpoint = run.Run.Checkpoint.Step, Split = evaluation.splitName, Examples = evaluation.corpus.Count,
            Metrics = evaluation.metrics, Questions = questions, Broken = evaluation.split.Broken.IsEmpty ? null : [.. evaluation.split.Broken.OrderBy(one => one.Key).Select(one => one.Value.ToString())],
        };
    }

    IReadOnlyList<QuestionScore>? Answer(PredictionFile predictions)
    {
        if (asked.Length == 0) return null;
        var answers = Predict((example, _) => Question(example));
        double loss = 0;
        foreach (var (at, example) in asked.Index())
        {
            // The model cannot give an answer that never occurs in training: it counts as wrong, but not in the loss.
            if (corpus.Answers[example] >= 0) loss -= answers[at].LogProbability;
            predictions.Add(new PredictionLine($"{corpus.Examples[example].Image}: {corpus.Examples[example].Text}", run.Answers[answers[at].Answer], corpus.Examples[example].Answer!, answers[at].Probability));
        }
        if (asked.Count(example => corpus.Answers[example] >= 0) is > 0 and var known) metrics["loss"] = loss / known;
        var textAlone = objectives.Alone > 0 ? Predict((example, _) => Question(example) with { HidesImage = true }) : null;
        var imageAlone = objectives.Alone > 0 ? Predict((example, _) => Question(example) with { HidesText = true }) : null;
        var shuffled = Predict((example, at) => Question(example) with { Image = asked[(at + asked.Length / 2) % asked.Length] });
        var kinds = asked.Index().GroupBy(one => corpus.Examples[one.Item].Kind ?? "question").OrderBy(kind => kind.Key, StringComparer.Ordinal).ToList();
        List<QuestionScore> scores = [.. kinds.Select(kind => Score(kind.Key, [.. kind.Select(one => one.Index)]))];
        var whole = Score("all", [.. Enumerable.Range(0, asked.Length)]) with { Majority = scores.Sum(one => one.Majority * one.Examples) / asked.Length };
        metrics["accuracy"] = whole.Accuracy;
        metrics["majority"] = whole.Majority;
        if (whole.TextAlone is { } text) metrics["text_alone"] = text;
        if (whole.ImageAlone is { } image) metrics["image_alone"] = image;
        metrics["shuffled_images"] = whole.ShuffledImages;
        foreach (var score in scores.Where(_ => scores.Count > 1)) metrics[$"accuracy_{score.Kind}"] = score.Accuracy;
        return scores.Count > 1 ? [.. scores, whole] : [whole];

        QuestionScore Score(string kind, IReadOnlyList<int> rows) => new(kind, rows.Count, Right(answers, rows)!.Value,
            rows.GroupBy(row => corpus.Examples[asked[row]].Answer).Max(group => group.Count()) / (double)rows.Count, Right(textAlone, rows), Right(imageAlone, rows), Right(shuffled, rows)!.Value);

        double? Right(List<Predicted>? answered, IReadOnlyList<int> rows) =>
            answered is null ? null : rows.Count(row => answered[row].Answer == corpus.Answers[asked[row]]) / (double)rows.Count;
    }

    RowPlan Question(int example) => new(RowTask.Answer, example, example, TextPart.Text, Math.Max(0, corpus.Answers[example]));

    readonly record struct Predicted(int Answer, double Probability, double LogProbability);

    readonly record struct Matched(long Right, int Rows);

    // The model's answers to the questions as planned, in order.
    List<Predicted> Predict(Func<int, int, RowPlan> plan)
    {
        var all = new List<Predicted>();
        foreach (var some in options.Processes.DivideStream(asked.Index().Chunk(options.BatchSize ?? 128), chunk => Predict([.. chunk.Select(one => plan(one.Item, one.Index))])))
        {
            all.AddRange(some);
            Report(some.Length);
        }
        return all;
    }

    Predicted[] Predict(RowPlan[] plans)
    {
        using var scope = NewDisposeScope();
        var batch = Batch(plans);
        var (text, image) = PairTensors.Forward(run.Model, batch, run.Device);
        var logits = run.Model.AnswerLogits(run.Model.Joint(text, image)).cpu().contiguous().data<float>().ToArray();
        var N = run.Answers.Count;
        var predicted = new Predicted[batch.Rows];
        for (var row = 0; row < batch.Rows; row++)
        {
            var own = logits.AsSpan(row * N, N);
            var probabilities = Probabilities.Of(own);
            var best = Probabilities.Best(probabilities);
            predicted[row] = new(best, probabilities[best], Probabilities.LogOf(own, (int)batch.Labels[row]));
        }
        return predicted;
    }

    ImageTextBatch Batch(RowPlan[] plans)
    {
        cancel.ThrowIfCancellationRequested();
        return batches.Make(plans);
    }

    // Each caption with its image, and the almost true one: half of the pairs match.
    void Match()
    {
        if (twofold.Length == 0) return;
        long right = 0;
        foreach (var (count, rows) in options.Processes.DivideStream(twofold.Chunk(options.BatchSize ?? 128), CountMatches))
        {
            right += count;
            Report(rows);
        }
        metrics["match_accuracy"] = right / (2.0 * twofold.Length);

        Matched CountMatches(int[] chunk)
        {
            using var scope = NewDisposeScope();
            var batch = Batch([.. chunk.Select(i => new RowPlan(RowTask.Match, i, i, TextPart.Caption, 1)), .. chunk.Select(i => new RowPlan(RowTask.Match, i, i, TextPart.FalseCaption, 0))]);
            var (text, image) = PairTensors.Forward(run.Model, batch, run.Device);
            return new(run.Model.MatchLogits(run.Model.Joint(text, image)).argmax(-1).cpu().eq(tensor(batch.Labels)).sum().item<long>(), batch.Rows);
        }
    }

    // Every caption with every image; ties count against the correct one.
    void Retrieve()
    {
        var N = retrieved.Length;
        if (N == 0) return;
        var scores = Scores();
        foreach (var k in (int[])[1, 5, 10])
        {
            if (k > N) break;
            metrics[$"image_recall_{k}"] = Enumerable.Range(0, N).Count(i => Enumerable.Range(0, N).Count(j => j != i && scores[i, j] >= scores[i, i]) < k) / (double)N;
            metrics[$"text_recall_{k}"] = Enumerable.Range(0, N).Count(i => Enumerable.Range(0, N).Count(j => j != i && scores[j, i] >= scores[i, i]) < k) / (double)N;
        }
        metrics["retrieved_from"] = N;
    }

    // The score of each caption (row) with each image (column). The part of the image stream before co-attention is computed only once.
    float[,] Scores()
    {
        using var scope = NewDisposeScope();
        var N = retrieved.Length;
        var batch = Batch([.. retrieved.Select(i => new RowPlan(RowTask.Match, i, i, TextPart.Caption, 1))]);
        var images = PairTensors.Of(batch.Images, N, batch.Hidden, run.Model, run.Device);
        var imageMask = Vilbert.RegionMask(images);
        var seen = run.Model.EmbedImage(images, imageMask);                                                       // [N, 1 + R, D']
        var scores = new float[N, N];
        foreach (var (caption, match) in options.Processes.DivideStream(Enumerable.Range(0, N), ScoresOf).Index())
        {
            for (var image = 0; image < N; image++) scores[caption, image] = match[image];
            Report(N);
        }
        return scores;

        float[] ScoresOf(int caption)
        {
            cancel.ThrowIfCancellationRequested();
            using var step = NewDisposeScope();
            var length = batch.Texts.Lengths[caption];
            var ids = tensor(batch.Texts.Ids[(caption * batch.Texts.Width)..(caption * batch.Texts.Width + length)], [1, length]).SendTo(run.Device);
            var text = run.Model.EmbedText(ids).expand(N, -1, -1).contiguous();                                   // [N, T, D]
            var (t, v) = run.Model.Join(text, seen, new CoInput(Image: imageMask));
            var logits = run.Model.MatchLogits(run.Model.Joint(t, v)).cpu();                                       // [N, 2]
            return (logits.select(1, 1) - logits.select(1, 0)).contiguous().data<float>().ToArray();
        }
    }
}
