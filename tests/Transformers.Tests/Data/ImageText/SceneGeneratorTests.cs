using Transformers.Generators.Scenes;

namespace Transformers.Tests.Data.ImageText;

public sealed class SceneGeneratorTests
{
    static readonly string[][] Words = [SceneWords.Sizes, SceneWords.Colors, SceneWords.Materials, SceneWords.Shapes];

    static IEnumerable<Scene> Scenes(SceneSplit split, int count = 1000) => Enumerable.Range(0, count).Select(i => SceneGenerator.At(split, 7, i));

    // Reads a question as a person would, by its words alone.
    static string AnswerOf(Scene scene)
    {
        var question = scene.Question;
        if (Regex.Match(question, @"^what (color|shape) is the (.+)\?$") is { Success: true } what)
        {
            var thing = Assert.Single(Matching(scene, what.Groups[2].Value));
            return what.Groups[1].Value == "color" ? SceneWords.Colors[thing.Thing.Color] : SceneWords.Shapes[thing.Thing.Shape];
        }
        if (Regex.Match(question, @"^how many (.+) are there\?$") is { Success: true } many) return $"{Matching(scene, many.Groups[1].Value).Count()}";
        if (Regex.Match(question, @"^are there more (.+) than (.+)\?$") is { Success: true } more)
            return Matching(scene, more.Groups[1].Value).Count() > Matching(scene, more.Groups[2].Value).Count() ? "yes" : "no";
        if (Regex.Match(question, @"^where is the (.+) from the middle\?$") is { Success: true } place)
        {
            var thing = Assert.Single(Matching(scene, place.Groups[1].Value));
            // From the middle of a 4 x 4 grid; in a corner two answers would be right.
            var (right, down) = (thing.Column - 1.5, thing.Row - 1.5);
            Assert.NotEqual(Math.Abs(right), Math.Abs(down));
            return Math.Abs(right) > Math.Abs(down) ? right < 0 ? "left" : "right" : down < 0 ? "above" : "below";
        }
        if (Regex.Match(question, @"^where is the (.+) from the (.+)\?$") is { Success: true } where)
        {
            var (one, other) = (Assert.Single(Matching(scene, where.Groups[1].Value)), Assert.Single(Matching(scene, where.Groups[2].Value)));
            Assert.True(one.Row == other.Row || one.Column == other.Column, question);
            return one.Row == other.Row ? one.Column < other.Column ? "left" : "right" : one.Row < other.Row ? "above" : "below";
        }
        var two = Regex.Match(question, @"^is the (.+) (left of|right of|above|below|larger than|smaller than) the (.+)\?$");
        Assert.True(two.Success, question);
        var (first, second) = (Assert.Single(Matching(scene, two.Groups[1].Value)), Assert.Single(Matching(scene, two.Groups[3].Value)));
        return Holds(first, two.Groups[2].Value, second) ? "yes" : "no";
    }

    static bool Holds(PlacedThing first, string relation, PlacedThing second) => relation switch
    {
        "left of" => first.Column < second.Column,
        "right of" => first.Column > second.Column,
        "above" => first.Row < second.Row,
        "below" => first.Row > second.Row,
        "larger than" => first.Thing.Size > second.Thing.Size,
        _ => first.Thing.Size < second.Thing.Size,
    };

    static IEnumerable<PlacedThing> Matching(Scene scene, string description)
    {
        var words = description.Split(' ').Select(word => word is "thing" or "things" ? "" : Words.SelectMany(one => one).Contains(word) ? word : SceneWords.Shapes.Single(shape => word == shape + "s" || word == shape + "es")).ToList();
        return scene.Things.Where(placed => words.TrueForAll(word => word == "" || word == SceneWords.Sizes[placed.Thing.Size] || word == SceneWords.Colors[placed.Thing.Color]
            || word == SceneWords.Materials[placed.Thing.Material] || word == SceneWords.Shapes[placed.Thing.Shape]));
    }

    static bool IsTrue(Scene scene, string caption)
    {
        var parts = Regex.Match(caption, "^a (.+) (left of|right of|above|below) a (.+)$");
        Assert.True(parts.Success, caption);
        return Matching(scene, parts.Groups[1].Value).Any(first => Matching(scene, parts.Groups[3].Value).Any(second => Holds(first, parts.Groups[2].Value, second)));
    }

    [Theory]
    [InlineData(SceneSplit.Train)]
    [InlineData(SceneSplit.Unseen)]
    public void Answers_are_right_captions_true_and_false_captions_false(SceneSplit split)
    {
        foreach (var scene in Scenes(split))
        {
            Assert.Equal(AnswerOf(scene), scene.Answer);
            Assert.True(IsTrue(scene, scene.Caption), scene.Caption);
            Assert.False(IsTrue(scene, scene.FalseCaption), scene.FalseCaption);
            Assert.InRange(scene.Things.Count, 3, 6);
            Assert.Equal(scene.Things.Count, scene.Things.DistinctBy(thing => (thing.Row, thing.Column)).Count());
            Assert.Contains(scene.Answer, SceneGenerator.Answers);
        }
    }

    [Fact]
    public void No_kind_is_rare_and_the_answers_of_each_are_equally_frequent_whatever_the_question_says()
    {
        var scenes = Scenes(SceneSplit.Train, 20_000).ToList();
        foreach (var kind in Enum.GetValues<SceneQuestion>())
        {
            var questions = scenes.Where(scene => scene.Kind == kind).ToList();
            Assert.Equal(kind == SceneQuestion.Relation ? 5000 : 3000, questions.Count);
            var answers = questions.CountBy(scene => scene.Answer).Select(one => one.Value).ToList();
            var each = questions.Count / (double)answers.Count;
            // Within four deviations of a binomial distribution.
            Assert.All(answers, count => Assert.InRange(count, each - 4 * Math.Sqrt(each), each + 4 * Math.Sqrt(each)));
        }
        foreach (var split in new[] { SceneSplit.Validation, SceneSplit.Test, SceneSplit.Unseen })
            Assert.All(Scenes(split, 600).CountBy(scene => scene.Kind), kind => Assert.Equal(100, kind.Value));
        // One wording, such as "larger", is answered yes as often as no.
        foreach (var wording in scenes.Where(scene => scene.Answer is "yes" or "no").GroupBy(scene => Regex.Match(scene.Question, "left of|right of|above|below|larger|smaller|more").Value))
            Assert.InRange(wording.Count(scene => scene.Answer == "yes") / (double)wording.Count(), 0.44, 0.56);
        foreach (var counted in scenes.Where(scene => scene.Kind == SceneQuestion.Count).GroupBy(scene => scene.Question).Where(group => group.Count() > 150))
            Assert.InRange(counted.Count(scene => scene.Answer == "3") / (double)counted.Count(), 0.12, 0.38);
    }

    [Fact]
    public void Training_never_shows_nor_names_a_combination_of_the_unseen_test_which_always_does()
    {
        var heldOut = (from size in Enumerable.Range(0, 2) from color in Enumerable.Range(0, 5) from material in Enumerable.Range(0, 2) from shape in Enumerable.Range(0, 5)
                       select new Thing(size, color, material, shape)).Where(thing => thing.IsHeldOut).Select(thing => thing.Description).ToList();
        Assert.Equal(20, heldOut.Count);
        foreach (var split in new[] { SceneSplit.Train, SceneSplit.Validation, SceneSplit.Test })
            foreach (var scene in Scenes(split))
            {
                Assert.DoesNotContain(scene.Things, thing => thing.Thing.IsHeldOut);
                Assert.DoesNotContain(heldOut, name => scene.Caption.Contains(name) || scene.FalseCaption.Contains(name));
            }
        Assert.All(Scenes(SceneSplit.Unseen), scene => Assert.Contains(scene.Things, thing => thing.Thing.IsHeldOut));
        Assert.All(Scenes(SceneSplit.Unseen), scene => Assert.Contains(heldOut, name => scene.Caption.Contains(name)));
        // A question on where an object is, or on two, is about one of them.
        Assert.All(Scenes(SceneSplit.Unseen).Where(scene => scene.Kind is SceneQuestion.Relation or SceneQuestion.Position || scene.Question.Contains("er than")),
            scene => Assert.Contains(scene.Things, thing => thing.Thing.IsHeldOut && scene.Question.Contains(thing.Thing.Name)));
    }

    [Fact]
    public void The_box_of_a_region_is_around_its_object_and_its_features_are_its_pixels()
    {
        for (var index = 0; index < 20; index++)
        {
            var scene = SceneGenerator.At(SceneSplit.Train, 7, index);
            var regions = SceneRegions.Of("scene", SceneSplit.Train, 7, index);
            var whole = SceneGenerator.Draw(SceneSplit.Train, 7, index);
            Assert.Equal(scene.Things.Count, regions.Boxes.Length);
            for (var i = 0; i < scene.Things.Count; i++)
            {
                var (box, thing) = (regions.Boxes[i], scene.Things[i].Thing);
                var (column, row) = ((box[0] + box[2]) / 2 * SceneSampler.Side, (box[1] + box[3]) / 2 * SceneSampler.Side);
                Assert.Equal((scene.Things[i].Column, scene.Things[i].Row), ((int)column, (int)row));
                Assert.Equal(thing.Size == 1, box[2] - box[0] > 0.18);
                // The middle of all shapes but the ring is filled with the object's colour; the mean of four small pixels around it is that of the image's pixels there.
                var middle = Enumerable.Range(0, 3).Select(c => new[] { 14, 15, 20, 21 }.Average(at => regions.Features[i][at * 3 + c])).ToArray();
                var (x, y) = ((int)(column * SceneDrawing.Cell), (int)(row * SceneDrawing.Cell));
                if (thing is { Shape: not 4, Material: 0 }) for (var c = 0; c < 3; c++) Assert.Equal(whole.Row(y)[3 * x + c] / 255.0, middle[c], 0.12);
                Assert.Equal(1, regions.Classes[i].Sum(), 1e-5f);
                Assert.Equal(thing.Shape, Array.IndexOf(regions.Classes[i], regions.Classes[i].Max()));
            }
        }
    }

    [Fact]
    public void A_scene_is_a_function_of_its_seed_split_and_number_and_an_object_is_drawn_in_its_cell_alone()
    {
        Assert.Equal(SceneGenerator.Draw(SceneSplit.Test, 7, 5).Pixels, SceneGenerator.Draw(SceneSplit.Test, 7, 5).Pixels);
        Assert.NotEqual(SceneGenerator.Draw(SceneSplit.Test, 8, 5).Pixels, SceneGenerator.Draw(SceneSplit.Test, 7, 5).Pixels);
        Assert.NotEqual(SceneGenerator.At(SceneSplit.Validation, 7, 5).Question + SceneGenerator.At(SceneSplit.Validation, 7, 10).Question, SceneGenerator.At(SceneSplit.Test, 7, 5).Question + SceneGenerator.At(SceneSplit.Test, 7, 10).Question);
        var scene = SceneGenerator.At(SceneSplit.Train, 7, 0);
        var last = scene.Things[^1];
        var before = SceneDrawing.Draw(scene.Things, new SampleRandom(1));
        foreach (var (attribute, value) in new[] { (SceneAttribute.Color, 1 - Math.Min(1, last.Thing.Color)), (SceneAttribute.Shape, (last.Thing.Shape + 1) % 5), (SceneAttribute.Size, 1 - last.Thing.Size), (SceneAttribute.Material, 1 - last.Thing.Material) })
        {
            var after = SceneDrawing.Draw([.. scene.Things.Take(scene.Things.Count - 1), last with { Thing = last.Thing.With(attribute, value) }], new SampleRandom(1));
            var changed = 0;
            for (var y = 0; y < SceneDrawing.Side; y++)
                for (var x = 0; x < SceneDrawing.Side; x++)
                    if (before.Pixels[3 * (y * SceneDrawing.Side + x)] != after.Pixels[3 * (y * SceneDrawing.Side + x)])
                    {
                        changed++;
                        Assert.Equal((last.Row, last.Column), (y / SceneDrawing.Cell, x / SceneDrawing.Cell));
                    }
            Assert.True(changed > 5, $"{attribute}: {changed} pixels");
        }
    }
}
