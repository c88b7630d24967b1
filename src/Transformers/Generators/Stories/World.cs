namespace Transformers.Generators.Stories;

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
    public string Noun => noun;
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
