using Transformers.Data.ImageText;
using Transformers.Generators.Scenes;

namespace Transformers.Tests.Data.ImageText;

public sealed class ImageTextDataTests : TempFolderTest
{
    static ImageTextSplits Open(string folder, RegionsConfig? regions = null) => new ImageTextFolderConfig { Folder = folder }.Open(regions);

    static UserException Refused(Action read) => Assert.Throws<UserException>(read);

    [Fact]
    public void Written_scenes_are_read_back_as_they_are_generated_with_pixels_and_with_regions()
    {
        SceneGenerator.Write(folder["scenes"], 6, seed: 3);
        var made = new GeneratedImageTextConfig { Generator = ImageTextGenerator.Scenes, Size = 6, Seed = 3 };
        foreach (var regions in new[] { null, new RegionsConfig() })
        {
            var (there, here) = (Open(folder["scenes"], regions), made.Open(regions));
            Assert.Equal(["test", "unseen"], there.Tests.Select(test => test.Name));
            foreach (var (read, generated) in new[] { (there.Train, here.Train), (there.Validation!, here.Validation!), (there.Tests[1], here.Tests[1]) })
            {
                var (one, other) = (read.Read().Take(6).ToList(), generated.Read().Take(6).ToList());
                Assert.Equal(other.Select(example => (example.Text, example.Answer, example.Kind, example.Caption, example.FalseCaption)), one.Select(example => (example.Text, example.Answer, example.Kind, example.Caption, example.FalseCaption)));
                Assert.Equal(generated.Open(other[5]).Pixels, read.Open(one[5]).Pixels);
                if (regions is null) continue;
                var (found, wanted) = (read.Regions!(one[5]), generated.Regions!(other[5]));
                Assert.Equal(wanted.Boxes, found.Boxes);
                Assert.Equal(wanted.Features, found.Features);
                Assert.Equal(wanted.Classes, found.Classes);
            }
        }
        Assert.Contains("not an empty folder", Refused(() => SceneGenerator.Write(folder["scenes"], 6, 3)).Message);
    }

    [Fact]
    public void Kinds_of_questions_that_are_named_take_turns_in_every_split()
    {
        var splits = new GeneratedImageTextConfig { Generator = ImageTextGenerator.Scenes, Size = 6, Questions = [SceneQuestion.Count, SceneQuestion.Color] }.Open(null);
        foreach (var split in new[] { splits.Train, splits.Validation!, splits.Tests[1] })
        {
            var six = split.Read().Take(6).ToList();
            Assert.Equal(["count", "color", "count", "color", "count", "color"], six.Select(example => example.Kind));
            Assert.StartsWith("how many", six[4].Text);
        }
        Assert.Equal(SceneGenerator.Draw(SceneSplit.Train, 1, 3, [SceneQuestion.Count, SceneQuestion.Color]).Pixels, splits.Train.Open(splits.Train.Read().ElementAt(3)).Pixels);
    }

    [Fact]
    public void A_table_is_read_with_and_without_names_of_columns()
    {
        File.WriteAllText(folder["train.tsv"], "a.png\twhat is it\tdog\nb.png\ta cat\n");
        Assert.Equal([("a.png", "what is it", "dog"), ("b.png", "a cat", null)], Open(folder.FullPath).Train.Read().Select(one => (one.Image, one.Text, one.Answer)));
        File.WriteAllText(folder["train.tsv"], "kind\ttext\timage\tanswer\npet\twhat is it\ta.png\tdog\n");
        Assert.Equal([("a.png", "what is it", "dog", "pet")], Open(folder.FullPath).Train.Read().Select(one => (one.Image, one.Text, one.Answer!, one.Kind!)));
    }

    [Theory]
    [InlineData("{\"image\": \"a.png\"}", "train.jsonl:1: the document has no field text")]
    [InlineData("{\"image\": \"../a.png\", \"text\": \"x\"}", "must not contain .. as a part")]
    [InlineData("{\"image\": \"/etc/passwd\", \"text\": \"x\"}", "must be relative")]
    [InlineData("[1]", "train.jsonl:1: the document has no field image")]
    [InlineData("{\"image\": \"a.png\", \"text\": \"x\"}\n{", "train.jsonl:2: the line is not JSON")]
    [InlineData("nothing", "train.jsonl:1: the line is not JSON: 'nothing' is an invalid JSON literal (expected one JSON object per line)")]
    [InlineData("{\"image\": \"a.png\", \"text\": \"x\", \"text\": \"y\"}", "train.jsonl:1: the field text is in the object twice (keep one of the two)")]
    [InlineData("{\"image\": \"a.png\", \"text\": \"x\", \"answer\": [\"a\", \"b\"]}", "train.jsonl:1: the field answer contains no text: it is a list")]
    [InlineData("{\"image\": \"a.png\", \"text\": {\"en\": \"x\"}}", "train.jsonl:1: the field text contains no text: it is an object")]
    public void A_line_that_cannot_be_used_is_named(string lines, string message)
    {
        File.WriteAllText(folder["train.jsonl"], lines);
        Assert.Contains(message, Refused(() => Open(folder.FullPath).Train.Read().ToList()).Message);
    }

    [Theory]
    [InlineData("{\"image\": \"a.png\", \"boxes\": [[0, 0, 1, 1]], \"features\": [[1, 2], [3, 4]]}", "the line has 1 box and 2 rows of features")]
    [InlineData("{\"image\": \"a.png\", \"boxes\": [[0, 0, 1]], \"features\": [[1, 2]]}", "each box must have 4 finite numbers")]
    [InlineData("{\"image\": \"a.png\", \"boxes\": [[0, 0, 1, 1]], \"features\": [[1, 1e999]]}", "each box must have 4 finite numbers")]
    [InlineData("{\"image\": \"a.png\", \"boxes\": [[0, 0, 1, 1]], \"features\": [null]}", "each box must have 4 finite numbers")]
    [InlineData("{\"image\": \"a.png\", \"boxes\": [], \"features\": []}", "at least one")]
    [InlineData("{\"image\": \"a.png\", \"boxes\": 5}", "is not a line of regions")]
    [InlineData("{\"image\": \"b.png\", \"boxes\": [[0, 0, 1, 1]], \"features\": [[1, 2]]}", "has no regions for the image a.png")]
    public void Regions_that_cannot_be_used_are_named(string line, string message)
    {
        File.WriteAllText(folder["train.jsonl"], "{\"image\": \"a.png\", \"text\": \"x\"}");
        File.WriteAllText(folder["regions.jsonl"], line);
        var train = Open(folder.FullPath, new RegionsConfig()).Train;
        Assert.Contains(message, Refused(() => train.Regions!(train.Read().First())).Message);
    }

    [Theory]
    [InlineData("train.jsonl", "{\"image\": \"a.png\", \"text\": \"what is it?\", \"answer\": \"dog\", \"kind\": \"pet\"}\n{\"image\": \"b.png\", \"text\": \"a cat\", \"answer\": null}\n")]
    [InlineData("train.tsv", "image\ttext\tanswer\na.png\twhat is it?\tdog\nb.png\ta cat\t\n")]
    [InlineData("regions.jsonl", "{\"image\": \"a.png\", \"boxes\": [[0, 0, 1, 0.5], [0, 0.5, 1, 1]], \"features\": [[1.5, 2], [3, -4e2]], \"classes\": [[0.5, 0.5], [0, 1]]}\n")]
    public void A_damaged_file_is_read_or_refused_with_a_message(string name, string content)
    {
        folder.Write("train.jsonl", "{\"image\": \"a.png\", \"text\": \"x\"}");
        var accepted = Mutants.Read(Mutants.Count / 4, [System.Text.Encoding.UTF8.GetBytes(content)], bytes =>
        {
            if (name == "train.tsv") File.Delete(folder["train.jsonl"]);
            File.WriteAllBytes(folder[name], bytes);
            var train = Open(folder.FullPath, name == "regions.jsonl" ? new RegionsConfig() : null).Train;
            foreach (var example in train.Read()) train.Regions?.Invoke(example);
        }, bytesOfMemory: 1 << 22);
        Assert.InRange(accepted, 1, Mutants.Count / 4 - 1);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Examples_whose_image_cannot_be_used_are_left_out_with_their_lines(bool regions)
    {
        File.WriteAllBytes(folder["a.png"], ImageCodec.EncodePng(new RgbImage(8, 8)));
        File.WriteAllBytes(folder["c.png"], ImageCodec.EncodePng(new RgbImage(8, 8)));
        folder.Write("empty.png", "");
        folder.Write("text.png", "no image");
        File.WriteAllLines(folder["regions.jsonl"], ((string[])["a.png", "c.png"]).Select(image => $$"""{"image": "{{image}}", "boxes": [[0, 0, 1, 1]], "features": [[1, 2]]}"""));
        File.WriteAllLines(folder["train.jsonl"], ((string[])["a.png", "none.png", "empty.png", "text.png", "c.png"]).Select(image => $$"""{"image": "{{image}}", "text": "what", "answer": 3}"""));
        var data = new ImageTextDataConfig
        {
            Source = new ImageTextFolderConfig { Folder = folder.FullPath }, Tokenizer = new WordTokenizerConfig(), Input = regions ? null : new() { Size = 8 }, Regions = regions ? new() : null,
        };
        var train = data.Open().Train;
        Assert.Equal(["a.png", "c.png"], train.Read().Select(example => example.Image));
        Assert.Equal([2, 3, 4], train.Broken.Keys.Order());
        Assert.Equal($"{folder["train.jsonl"]}:2: the image none.png {(regions ? "has no line in regions.jsonl" : "does not exist (names are relative to the folder of the file)")}", train.Broken[2].ToString());
        File.WriteAllText(folder["train.jsonl"], "{\"image\": \"none.png\", \"text\": \"what\"}");
        Assert.Contains("no image of the split train can be used", Refused(() => ImageTextCorpus.Encode(data.Open().Train, WordTokenizer.Train(["what"], [.. SpecialIds.ForEncoder, WordTokenizer.Unknown]), null, 16)).Message);
    }

    static (ImageTextBatches Batches, ImageTextCorpus Corpus, TextTokenizer Tokenizer) Batches(RegionsConfig? regions, RowMix mix, int size = 64)
    {
        var split = new GeneratedImageTextConfig { Generator = ImageTextGenerator.Scenes, Size = size }.Open(regions).Train;
        var tokenizer = WordTokenizer.Train(split.Read().SelectMany(example => new[] { example.Text, example.Caption!, example.FalseCaption! }), [.. SpecialIds.ForEncoder, WordTokenizer.Unknown]);
        var corpus = ImageTextCorpus.Encode(split, tokenizer, null, 24);
        var config = new ImageTextDataConfig
        {
            Source = new GeneratedImageTextConfig { Generator = ImageTextGenerator.Scenes, Size = size }, Tokenizer = new WordTokenizerConfig(), Regions = regions,
            Input = regions is null ? new() { Size = 64 } : null,
        };
        var view = ImageTextInput.Of(config, split).CreateView();
        return (new ImageTextBatches(corpus, split, view, SpecialIds.Of(tokenizer), new MaskedTokens(tokenizer, new MaskingOptions()), regions is null ? 16 : 0, mix, new BucketOptions { Sequences = 16, Seed = 5 }), corpus, tokenizer);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_row_is_of_one_task_and_nothing_else_is_masked(bool regions)
    {
        var (batches, corpus, tokenizer) = Batches(regions ? new RegionsConfig() : null, new RowMix(0.4, 0.3, 0.3, 0.5, 0.15), 320);
        var special = SpecialIds.Of(tokenizer);
        var seen = new Dictionary<string, int>();
        foreach (var position in Enumerable.Range(0, batches.BatchesPerEpoch).Select(i => new DataPosition(1, i)))
        {
            var batch = batches.At(position);
            for (var row = 0; row < batch.Rows; row++)
            {
                var ids = batch.Texts.Ids.AsSpan(row * batch.Texts.Width, batch.Texts.Lengths[row]).ToArray();
                var masked = batch.Tokens.AsSpan(row * batch.Texts.Width, batch.Texts.Width).ToArray().Count(id => id != MaskedBatch.IgnoreIndex);
                var real = batch.Images.Counts?[row] ?? batch.Regions;
                var hidden = batch.Hidden.AsSpan(row * batch.Regions, real).ToArray().Count(one => one == 1);
                var what = batch.Tasks[row] switch
                {
                    RowTask.Masked => "masked",
                    RowTask.Match => $"match {batch.Labels[row]}",
                    _ when hidden == real => "text alone",
                    _ when ids.SequenceEqual([special.Begin, special.Mask!.Value, special.End]) => "image alone",
                    _ => "answer",
                };
                seen[what] = seen.GetValueOrDefault(what) + 1;
                if (what == "masked") Assert.Equal((Math.Max(1, (int)Math.Round(0.15 * (ids.Length - 2))), Math.Max(1, (int)Math.Round(0.15 * real))), (masked, hidden));
                else Assert.Equal(0, masked);
                if (what is "answer" or "image alone" || what.StartsWith("match", StringComparison.Ordinal)) Assert.Equal(0, hidden);
                if (batch.Tasks[row] == RowTask.Answer) Assert.Equal(corpus.Answers[batch.Texts.Examples[row]], batch.Labels[row]);
                var example = batch.Texts.Examples[row];
                if (what == "match 1") Assert.Equal(corpus.IdsOf(example, TextPart.Caption)!.Select(id => (long)id), ids);
                if (what == "match 0") Assert.NotEqual(corpus.IdsOf(example, TextPart.Caption)!.Select(id => (long)id), ids);
            }
        }
        Assert.Equal(["answer", "image alone", "masked", "match 0", "match 1", "text alone"], seen.Keys.Order());
        Assert.InRange(seen["masked"], 70, 125);
        Assert.InRange(seen["text alone"] + seen["image alone"], 40, 90);
    }

    [Fact]
    public void A_batch_is_a_function_of_its_position_and_its_rows_of_their_examples()
    {
        var (batches, _, _) = Batches(null, new RowMix(1, 1, 1, 0.2, 0.15));
        var (other, _, _) = Batches(null, new RowMix(1, 1, 1, 0.2, 0.15));
        var (one, same) = (batches.At(new DataPosition(2, 1)), other.At(new DataPosition(2, 1)));
        Assert.Equal(one.Texts.Ids, same.Texts.Ids);
        Assert.Equal(one.Images.Values, same.Images.Values);
        Assert.NotEqual(one.Tasks, batches.At(new DataPosition(3, 1)).Tasks);
        var part = one.Slice(4, 3);
        Assert.Equal(one.Tasks[4..7], part.Tasks);
        Assert.Equal(one.Labels[4..7], part.Labels);
        Assert.Equal(one.Images.Values[(4 * 3 * 64 * 64)..(7 * 3 * 64 * 64)], part.Images.Values);
        Assert.Equal(one.Hidden[(4 * 16)..(7 * 16)], part.Hidden);
    }

    [Fact]
    public void Pixels_and_regions_exclude_each_other_and_one_of_them_is_needed()
    {
        const string data = "source: { generator: scenes }, tokenizer: { kind: words }";
        foreach (var (extra, message) in new[] { ("", "data.input or data.regions must be given"), (", input: { size: 64 }, regions: {}", "data.regions and data.input must not both be given") })
            Assert.Contains(message, Refused(() => ConfigFile.Parse<Transformers.Training.RunConfig>(
                $"{{ data: {{ kind: image_text, {data}{extra} }}, model: {{ kind: vilbert, width: 8, co_layers: 1, patch: 16, text: {{ layers: 1, heads: 2, width: 8 }}, image: {{ layers: 1, heads: 2, width: 8 }} }}, training: {{ steps: 1, batch: {{ sequences: 4 }}, optimizer: {{ kind: adamw, lr: 0.1 }} }} }}")).Message);
    }
}
