namespace Transformers.Generators.Scenes;

/// <summary>Draws scenes with their texts at random.</summary>
/// <remarks>
/// The question is drawn first, then its answer, each with the same probability, then a scene with that answer, so that the words
/// of a question do not give its answer away. No two objects in a scene have the same shape and colour, which is how texts name an object.
/// </remarks>
sealed class SceneSampler(SampleRandom random, bool unseen)
{
    public const int Side = 4;
    const int Fewest = 3, Most = 6, MostCounted = 3;

    // In the order of SceneWords.Relations.
    static readonly string[] Directions = ["left", "right", "above", "below"], YesNo = ["yes", "no"];

    /// <summary>All answers.</summary>
    public static IReadOnlyList<string> Answers { get; } =
        [.. YesNo, .. Directions, .. Enumerable.Range(0, MostCounted + 1).Select(n => $"{n}"), .. SceneWords.Colors, .. SceneWords.Shapes];

    /// <summary>A scene with a question of a kind.</summary>
    public Scene Draw(SceneQuestion kind)
    {
        var (things, question, answer) = kind switch
        {
            SceneQuestion.Color => Attribute(SceneAttribute.Color),
            SceneQuestion.Shape => Attribute(SceneAttribute.Shape),
            SceneQuestion.Position => Position(),
            SceneQuestion.Count => Count(),
            SceneQuestion.Relation => Relation(),
            _ => random.Chance(0.5) ? Larger() : More(),
        };
        var (right, wrong) = Captions(things);
        return new Scene(things, question, answer, kind, right, wrong);
    }

    // "what color is the large metal thing?": one object matches, and its colour is uniformly distributed.
    (List<PlacedThing>, string, string) Attribute(SceneAttribute asked)
    {
        var other = asked == SceneAttribute.Color ? SceneAttribute.Shape : SceneAttribute.Color;
        SceneAttribute[] possible = [SceneAttribute.Size, other, SceneAttribute.Material];
        List<SceneAttribute> named;
        do named = [.. possible.Where(_ => random.Chance(0.5))];
        while (named.Count == 0);
        var wanted = Any(unseen);
        var things = Fill([wanted], thing => !named.TrueForAll(attribute => thing[attribute] == wanted[attribute]));
        var words = new List<string>(named.Where(attribute => attribute != SceneAttribute.Shape).Select(attribute => SceneWords.Of(attribute)[wanted[attribute]]))
        {
            named.Contains(SceneAttribute.Shape) ? SceneWords.Shapes[wanted.Shape] : "thing",
        };
        var what = asked == SceneAttribute.Color ? "color" : "shape";
        return (Place(things), $"what {what} is the {string.Join(' ', words)}?", SceneWords.Of(asked)[wanted[asked]]);
    }

    // "where is the red circle from the middle?": finds one object and its position, while a relation needs two.
    (List<PlacedThing>, string, string) Position()
    {
        var thing = Any(unseen);
        var direction = random.Next(Directions.Length);
        var things = Fill([thing], _ => true);
        List<PlacedThing> placed;
        do placed = Place(things);
        while (!placed[0].IsAtEdge(direction));
        return (placed, $"where is the {thing.Name} from the middle?", Directions[direction]);
    }

    // "how many metal things are there?": 0 to 3, equally often.
    (List<PlacedThing>, string, string) Count()
    {
        var (matches, words) = Group(random.Chance(0.3) ? 2 : 1);
        var count = random.Next(MostCounted + 1);
        var things = new List<Thing>();
        while (things.Count < count) Add(things, () => Any(unseen && things.Count == 0), matches);
        if (unseen && count == 0) Add(things, () => Any(heldOut: true), thing => !matches(thing));
        return (Place(Fill(things, thing => !matches(thing))), $"how many {words} are there?", $"{count}");
    }

    // "where is the red circle from the blue square?": both are in one row or column, so that only one answer is right.
    (List<PlacedThing>, string, string) Relation()
    {
        var (first, second) = Pair();
        var relation = random.Next(Directions.Length);
        var things = Fill([first, second], _ => true);
        List<PlacedThing> placed;
        do placed = Place(things);
        while (!placed[0].Is(relation, placed[1]) || (relation < 2 ? placed[0].Row != placed[1].Row : placed[0].Column != placed[1].Column));
        return (placed, $"where is the {first.Name} from the {second.Name}?", Directions[relation]);
    }

    // "is the red circle larger than the blue square?"
    (List<PlacedThing>, string, string) Larger()
    {
        var (larger, yes) = (random.Next(2), random.Chance(0.5));
        // "no" has two reasons: the other one is larger, or both are equal.
        var equal = !yes && random.Chance(0.5);
        Thing first, second;
        do
        {
            (first, second) = Pair();
            first = first with { Size = equal ? random.Next(2) : yes ? larger : 1 - larger };
            second = second with { Size = equal ? first.Size : 1 - first.Size };
        }
        while (unseen ? !first.IsHeldOut && !second.IsHeldOut : first.IsHeldOut || second.IsHeldOut);
        return (Place(Fill([first, second], _ => true)), $"is the {first.Name} {(larger == 1 ? "larger" : "smaller")} than the {second.Name}?", YesNo[yes ? 0 : 1]);
    }

    // "are there more red things than blue things?"
    (List<PlacedThing>, string, string) More()
    {
        var attribute = (SceneAttribute)random.Next(4);
        var words = SceneWords.Of(attribute);
        var first = random.Next(words.Length);
        var second = (first + 1 + random.Next(words.Length - 1)) % words.Length;
        var yes = random.Chance(0.5);
        for (; ; )
        {
            var things = Fill([Any(unseen)], _ => true);
            var more = things.Count(thing => thing[attribute] == first) > things.Count(thing => thing[attribute] == second);
            if (more == yes) return (Place(things), $"are there more {Plural(attribute, first)} than {Plural(attribute, second)}?", YesNo[yes ? 0 : 1]);
        }
    }

    static string Plural(SceneAttribute attribute, int value) => attribute == SceneAttribute.Shape ? PluralOf(value) : $"{SceneWords.Of(attribute)[value]} things";

    static string PluralOf(int shape) => SceneWords.Shapes[shape] + (SceneWords.Shapes[shape].EndsWith('s') ? "es" : "s");

    // Objects of one or two attributes, and their words: "red things", "small circles".
    (Func<Thing, bool> Matches, string Words) Group(int count)
    {
        for (; ; )
        {
            var attributes = Enum.GetValues<SceneAttribute>();
            random.Shuffle(attributes.AsSpan());
            var named = attributes.Take(count).Order().Select(attribute => (Attribute: attribute, Value: random.Next(SceneWords.Of(attribute).Length))).ToList();
            // Three objects of one shape and one colour cannot be distinguished.
            if (named.Count == 2 && named.TrueForAll(one => one.Attribute is SceneAttribute.Color or SceneAttribute.Shape)) continue;
            var words = named.Where(one => one.Attribute != SceneAttribute.Shape).Select(one => SceneWords.Of(one.Attribute)[one.Value])
                .Append(named.FindIndex(one => one.Attribute == SceneAttribute.Shape) is >= 0 and var at ? PluralOf(named[at].Value) : "things");
            return (thing => named.TrueForAll(one => thing[one.Attribute] == one.Value), string.Join(' ', words));
        }
    }

    (Thing, Thing) Pair()
    {
        var first = Any(unseen);
        Thing second;
        do second = Any();
        while (second.HasNameOf(first));
        return random.Chance(0.5) ? (first, second) : (second, first);
    }

    // Any object: in training, never a held-out combination; in the unseen split, any combination, or always a held-out one.
    Thing Any(bool heldOut = false)
    {
        for (; ; )
        {
            var thing = new Thing(random.Next(2), random.Next(SceneWords.Colors.Length), random.Next(2), random.Next(SceneWords.Shapes.Length));
            if (IsAllowed(thing, heldOut)) return thing;
        }
    }

    bool IsAllowed(Thing thing, bool heldOut) => heldOut ? thing.IsHeldOut : unseen || !thing.IsHeldOut;

    static void Add(List<Thing> things, Func<Thing> draw, Func<Thing, bool> allowed)
    {
        Thing thing;
        do thing = draw();
        while (!allowed(thing) || things.Exists(thing.HasNameOf));
        things.Add(thing);
    }

    List<Thing> Fill(List<Thing> things, Func<Thing, bool> allowed)
    {
        var count = Math.Max(things.Count, Fewest + random.Next(Most - Fewest + 1));
        while (things.Count < count) Add(things, () => Any(), allowed);
        return things;
    }

    List<PlacedThing> Place(List<Thing> things)
    {
        int[] cells = [.. Enumerable.Range(0, Side * Side)];
        random.Shuffle(cells.AsSpan());
        return [.. things.Select((thing, i) => new PlacedThing(thing, cells[i] / Side, cells[i] % Side))];
    }

    // Two objects and their relation; in the unseen split, one of them is a held-out combination.
    (string True, string False) Captions(List<PlacedThing> things)
    {
        for (; ; )
        {
            var first = things[random.Next(things.Count)];
            var second = things[random.Next(things.Count)];
            var relation = random.Next(SceneWords.Relations.Length);
            if (first == second || !first.Is(relation, second) || (unseen && !first.Thing.IsHeldOut && !second.Thing.IsHeldOut)) continue;
            for (; ; )
            {
                var (one, other, way) = (first.Thing, second.Thing, relation);
                var changed = random.Next(5);
                if (changed == 4) way = relation ^ 1;
                else if (random.Chance(0.5)) one = Other(one, (SceneAttribute)changed);
                else other = Other(other, (SceneAttribute)changed);
                if (!IsAllowed(one, heldOut: false) || !IsAllowed(other, heldOut: false) || IsTrue(things, one, way, other)) continue;
                return (Caption(first.Thing, relation, second.Thing), Caption(one, way, other));
            }
        }
    }

    Thing Other(Thing thing, SceneAttribute attribute)
    {
        var count = SceneWords.Of(attribute).Length;
        return thing.With(attribute, (thing[attribute] + 1 + random.Next(count - 1)) % count);
    }

    static bool IsTrue(List<PlacedThing> things, Thing first, int relation, Thing second) =>
        things.Exists(one => one.Thing == first && things.Exists(other => other.Thing == second && one.Is(relation, other)));

    static string Caption(Thing first, int relation, Thing second) => $"a {first.Description} {SceneWords.Relations[relation]} a {second.Description}";
}
