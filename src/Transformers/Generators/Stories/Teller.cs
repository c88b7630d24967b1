using System.Text;
using Transformers.IO;

namespace Transformers.Generators.Stories;

/// <summary>Tells one story: draws its people, things and places, keeps the world true, and writes the sentences.</summary>
sealed partial class Teller(ulong seed, ulong index)
{
    CounterRandom random = new(seed, index);
    readonly StringBuilder text = new();
    readonly HashSet<string> used = [];
    bool atStart = true;

    public override string ToString() => text.ToString();

    /// <summary>Draws a plot and tells it.</summary>
    public void TellOne() => Plots.All[random.Next(Plots.All.Length)](this);

    public bool Chance(int percent) => random.Next(100) < percent;

    /// <summary>Writes one of the sentences given.</summary>
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

    /// <summary>A word that this story has not drawn before; words that stand first are likelier.</summary>
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

    // Density falls as the square root: the first tenth of a list gets a third of the draws, the last tenth a twentieth.
    int Skewed(int count)
    {
        var u = random.NextDouble();
        return (int)(u * u * count);
    }

    // Names are drawn evenly: a name is for the context to tell, not for its frequency.
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
        var forms = Draw(Lexicon.Places);
        return new(forms[0], Draw(Lexicon.PlaceLooks), forms[1]);
    }

    public string Spot() => Draw(Lexicon.Spots);
    public string Food() => Draw(Lexicon.Foods);
    public string Relative() => Draw(Lexicon.Relatives);
}
