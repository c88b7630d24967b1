namespace Transformers.Generators.Stories;

/// <summary>Writes one story: draws its people, things and locations, keeps the world true, and writes the sentences.</summary>
sealed class Teller(ulong seed, ulong index)
{
    CounterRandom random = new(seed, index);
    readonly StringBuilder text = new();
    readonly HashSet<string> used = [];
    bool atStart = true;

    public override string ToString() => text.ToString();

    public void TellOne() => Plots.All[random.Next(Plots.All.Length)](this);

    public bool Chance(int percent) => random.Next(100) < percent;

    public void Say(params ReadOnlySpan<string> sentences)
    {
        if (!atStart) text.Append(' ');
        atStart = false;
        text.Append(Grammar.Capital(sentences[sentences.Length == 1 ? 0 : random.Next(sentences.Length)]));
    }

    public void Paragraph()
    {
        text.Append('\n');
        atStart = true;
    }

    /// <summary>One of the options, all equally likely.</summary>
    public string Either(params ReadOnlySpan<string> options) => options[random.Next(options.Length)];

    /// <summary>A word that this story has not drawn before; words that come first are more likely.</summary>
    public string Draw(string[] list)
    {
        while (true)
        {
            var word = list[Skewed(list.Length)];
            if (used.Add(word)) return word;
        }
    }

    public string[] Draw(string[][] list)
    {
        while (true)
        {
            var forms = list[Skewed(list.Length)];
            if (used.Add(forms[^1])) return forms;
        }
    }

    // The index is the square of a uniform number: the first tenth of a list gets a third of the draws, the last tenth a twentieth.
    int Skewed(int count)
    {
        var u = random.NextDouble();
        return (int)(u * u * count);
    }

    // Names are drawn uniformly, so that only the context predicts a name, not its frequency.
    string Name(string[] list)
    {
        while (true)
        {
            var name = list[random.Next(list.Length)];
            if (used.Add(name)) return name;
        }
    }

    Person Person(string name, bool female, string kind) => new()
    {
        Name = name, Female = female, Kind = kind, Trait = Draw(Lexicon.Traits), Manner = Draw(Lexicon.Manners), Cry = Draw(Lexicon.Cries),
        Walked = Draw(Lexicon.Walks), Garment = Draw(Lexicon.Garments), Hobby = Draw(Lexicon.Hobbies),
    };

    /// <summary>A child, or an animal that behaves like one.</summary>
    public Person Child()
    {
        var female = Chance(50);
        return Person(Name(female ? Lexicon.Girls : Lexicon.Boys), female, Chance(40) ? Draw(Lexicon.Animals) : female ? "girl" : "boy");
    }

    /// <summary>A grown-up with a trade and a surname.</summary>
    public Person GrownUp()
    {
        var female = Chance(50);
        return Person((female ? "Mrs. " : "Mr. ") + Name(Lexicon.Surnames), female, Draw(Lexicon.Jobs));
    }

    public Thing Thing(Person? holder = null, string[]? kinds = null) => new(Draw(Lexicon.Looks), Draw(kinds ?? Lexicon.Things)) { Holder = holder };

    public Place Place()
    {
        var forms = Draw(Lexicon.Locations);
        return new(forms[0], Draw(Lexicon.PlaceLooks), forms[1]);
    }

    public string Spot() => Draw(Lexicon.Spots);
    public string Food() => Draw(Lexicon.Foods);
    public string Relative() => Draw(Lexicon.Relatives);

    public void Go(Person who, Place where)
    {
        Require(who.At != where, $"{who} is already {where.In}");
        who.At = where;
        Say($"{who} {who.Walked} to {where}.", $"So {who} {who.Walked} to {where}.");
    }

    public void Go(Person who, Person with, Place where)
    {
        Require(who.At != where && with.At != where, $"{who} or {with} is already {where.In}");
        (who.At, with.At) = (where, where);
        Say($"{who} and {with} {who.Walked} to {where}.", $"So {who} and {with} {who.Walked} to {where} together.");
    }

    public void Take(Person who, Thing thing)
    {
        Require(thing.Holder is null && thing.At == who.At && thing.Spot is not null, $"{thing} is not where {who} is");
        Say($"There, {thing.Spot}, lay {thing}, and {who} picked it up.", $"{who} looked {thing.Spot}, and there was {thing}!");
        (thing.Holder, thing.At, thing.Spot) = (who, null, null);
    }

    public void Put(Person who, Thing thing, string spot)
    {
        Require(thing.Holder == who && who.At is not null, $"{who} does not hold {thing}");
        (thing.Holder, thing.At, thing.Spot) = (null, who.At, spot);
    }

    public void Give(Person from, Person to, Thing thing)
    {
        Require(thing.Holder == from && from.At == to.At, $"{from} cannot give {thing} to {to}");
        thing.Holder = to;
        Say($"{from} gave {thing} to {to}.", $"Then {from} handed {thing} to {to}.");
    }

    /// <summary>Starts a story with its hero, and gives the facts that matter later: name, kind and trait.</summary>
    public void Open(Person hero, Place home)
    {
        hero.At = home;
        var kind = Grammar.A($"{hero.Trait} {hero.Kind}");
        Say($"Once upon a time there was {kind} named {hero}.", $"Once there lived {kind} called {hero}.",
            $"{hero} was {kind} who lived {home.In}.", $"There once was {kind} whose name was {hero}.");
        Say($"{hero} always wore {hero.Garment} and loved to {hero.Hobby[0]}.", $"{hero} wore {hero.Garment} and liked {hero.Hobby[2]} best of all.");
    }

    public void Meet(Person hero, Person other)
    {
        Require(hero.At is not null, $"{hero} is nowhere");
        other.At = hero.At;
        Say($"There {hero.He} met {other}, {Grammar.A($"{other.Trait} {other.Kind}")} in {other.Garment}.",
            $"There was {other} {other.The}, who was {other.Hobby[2]} and wore {other.Garment}.");
    }

    public void Befriend(Person hero, Person friend)
    {
        friend.At = hero.At;
        Say($"{Capital(hero.His)} best friend was {Grammar.A($"{friend.Trait} {friend.Kind}")} named {friend}.",
            $"{hero} had a friend called {friend}, {Grammar.A($"{friend.Trait} {friend.Kind}")} who loved to {friend.Hobby[0]}.");
    }

    /// <summary>A person speaks, in their own manner.</summary>
    public void Speak(Person who, params ReadOnlySpan<string> words)
    {
        var chosen = words[words.Length == 1 ? 0 : random.Next(words.Length)];
        if (chosen.EndsWith('?')) Say($"\"{Capital(chosen)}\" asked {who} {who.Manner}.");
        else if (chosen.EndsWith('!')) Say($"\"{who.Cry}! {Capital(chosen)}\" cried {who}.");
        else Say($"\"{Capital(chosen)},\" said {who} {who.Manner}.");
    }

    public void Close(Person hero, Person friend)
    {
        switch (random.Next(4))
        {
            case 0: Say($"From that day on, {hero} {hero.The} and {friend} {friend.The} were the best of friends."); break;
            case 1: Say($"That night, {hero} took off {hero.His} {Worn(hero)} and slept well."); break;
            case 2: Say($"And that is how {hero} and {friend} learnt that {Draw(Lexicon.Lessons)}."); break;
            default: Say($"In the end {hero} went home, {hero.Hobby[2]} all the way, as {hero.Trait} as ever."); break;
        }
    }

    static string Worn(Person who) => who.Garment.StartsWith("a ") ? who.Garment[2..] : who.Garment;
    static string Capital(string words) => Grammar.Capital(words);

    static void Require(bool holds, string otherwise)
    {
        if (!holds) throw new InvalidOperationException($"The story contradicts itself: {otherwise}.");
    }
}

/// <summary>A person in a story, whose attributes are drawn once and do not change.</summary>
sealed class Person
{
    public required string Name { get; init; }
    public required bool Female { get; init; }
    /// <summary>girl, boy, an animal, or a trade.</summary>
    public required string Kind { get; init; }
    public required string Trait { get; init; }
    public required string Manner { get; init; }
    public required string Cry { get; init; }
    public required string Walked { get; init; }
    public required string Garment { get; init; }
    public required string[] Hobby { get; init; }
    public Place? At { get; set; }

    public string He => Female ? "she" : "he";
    public string Him => Female ? "her" : "him";
    public string His => Female ? "her" : "his";
    public string The => $"the {Kind}";
    public override string ToString() => Name;
}

/// <summary>A thing that can be carried; it is either with a person or at a spot.</summary>
sealed class Thing(string look, string noun)
{
    public string Noun => noun;
    public string A => Grammar.A($"{look} {noun}");
    public Person? Holder { get; set; }
    public Place? At { get; set; }
    public string? Spot { get; set; }
    public override string ToString() => $"the {look} {noun}";
    /// <summary>The thing after a possessive: <c>her red ball</c>.</summary>
    public string Of(string owner) => $"{owner} {look} {noun}";
}

/// <summary>A place to go to.</summary>
sealed class Place(string preposition, string look, string noun)
{
    public string In => $"{preposition} the {look} {noun}";
    public override string ToString() => $"the {look} {noun}";
}

static class Grammar
{
    /// <summary>The words with the indefinite article that their pronunciation requires.</summary>
    public static string A(string words) =>
        "aeiou".Contains(words[0]) && !words.StartsWith("uni") && !words.StartsWith("uku") && !words.StartsWith("one") || words.StartsWith("hour") || words.StartsWith("honest")
            ? $"an {words}" : $"a {words}";

    public static string Capital(string sentence)
    {
        var first = sentence.AsSpan().IndexOfAnyInRange('a', 'z');
        var upper = sentence.AsSpan().IndexOfAnyInRange('A', 'Z');
        return first < 0 || upper >= 0 && upper < first ? sentence : string.Concat(sentence.AsSpan(0, first), char.ToUpperInvariant(sentence[first]).ToString(), sentence.AsSpan(first + 1));
    }
}
