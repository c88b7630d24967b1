namespace Transformers.Generators.Stories;

/// <summary>Generates any amount of short English stories, the same for the same seed on every machine.</summary>
/// <remarks>
/// A grammar over a small world: people, things and locations are drawn once and do not change until the story ends, so what comes
/// next often depends on what was said many sentences ago. That is why a longer context helps a model.
/// </remarks>
public static class StoryGenerator
{
    /// <summary>The line between two stories in one file.</summary>
    public const string Separator = "<|endoftext|>";

    /// <summary>One story, of a few paragraphs with a line feed between them and none at the end.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="index">The number of the story; any story can be generated directly.</param>
    public static string Story(ulong seed, long index)
    {
        var teller = new Teller(seed, (ulong)index);
        teller.TellOne();
        return teller.ToString();
    }

    /// <summary>Stories 0, 1, 2, … of a seed as a stream, each generated on demand.</summary>
    /// <param name="seed">Which collection of stories.</param>
    /// <param name="bytes">The size in UTF-8 bytes; the stream ends with the story that reaches it. 0 gives no story.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="bytes"/> is negative.</exception>
    public static IEnumerable<string> Generate(ulong seed, long bytes)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(bytes);
        return Stream(seed, bytes);
    }

    static IEnumerable<string> Stream(ulong seed, long bytes)
    {
        for (long index = 0, made = 0; made < bytes; index++)
        {
            var story = Story(seed, index);
            made += Encoding.UTF8.GetByteCount(story);
            yield return story;
        }
    }
}

/// <summary>The plots. A plot draws its people, things and locations and has them act; whatever it announces happens before it ends.</summary>
static partial class Plots
{
    public static readonly Action<Teller>[] All =
    [
        Lost, Lent, Swaps, Quarrel, Treasure, MixUp, Build, Grow, Cook, Contest, Help, Visit, Errand, Secret, Letters, Stray, Flock,
    ];

    static void Build(Teller t)
    {
        Person hero = t.Child(), friend = t.Child(), helper = t.GrownUp();
        var (home, tool, material, what) = (t.Place(), t.Thing(kinds: Lexicon.Tools), t.Draw(Lexicon.Materials), t.Draw(Lexicon.Structures));
        var (weather, mishap) = (t.Draw(Lexicon.Weathers), t.Draw(Lexicon.Mishaps));
        tool.Holder = helper;
        t.Open(hero, home);
        t.Befriend(hero, friend);
        t.Say($"{weather[0]}, and {hero} wanted to build {Grammar.A(what)} of {material}.", $"{weather[0]}. {hero} and {friend} decided to build {Grammar.A(what)} of {material}.");
        t.Speak(friend, $"I will get the {material}, and you ask {helper} for {tool}", $"we need {material} and {tool} of {helper}");
        t.Meet(hero, helper);
        t.Speak(hero, $"may we have {tool}? We are building {Grammar.A(what)}", $"{helper}, we are building {Grammar.A(what)} and need {tool.Of("your")}");
        t.Give(helper, hero, tool);
        t.Speak(helper, $"{material} is good for {Grammar.A(what)}", "bring it back before supper");
        t.Paragraph();
        t.Say($"{hero} and {friend} worked all day {home.In}, in spite of {weather[1]}.", $"In {weather[1]} they built and built until the {what} stood {home.In}.");
        t.Say($"Then {mishap[0]}, but the {what} of {material} held fast.", $"In the night {mishap[0]}. In the morning the {what} was still there.");
        t.Speak(friend, $"our {what} is stronger than the {mishap[1]}!", $"the {material} held!");
        t.Say($"Only {tool} had to go back to {helper} {helper.The}.", $"Then they remembered {helper}, who was waiting for {tool}.");
        t.Give(hero, helper, tool);
        t.Speak(helper, $"did the {what} survive the {mishap[1]}?", $"{Grammar.A(what)} of {material}, and made by {Grammar.A(hero.Kind)} and {Grammar.A(friend.Kind)}!");
        t.Close(hero, friend);
    }

    static void Grow(Teller t)
    {
        Person hero = t.Child(), giver = t.GrownUp(), friend = t.Child();
        var (home, away, plant, days, can) = (t.Place(), t.Place(), t.Draw(Lexicon.Plants), t.Draw(Lexicon.Numbers), t.Thing(kinds: Lexicon.Vessels));
        t.Open(hero, home);
        t.Go(hero, away);
        t.Meet(hero, giver);
        t.Speak(giver, $"here is the seed of {Grammar.A(plant)}, {hero}, water it for {days} days", $"plant this seed, and in {days} days you will have {Grammar.A(plant)}");
        t.Go(hero, home);
        can.Holder = hero;
        t.Say($"{hero} planted the seed {home.In} and watered it from {can.A}.", $"{hero} put the seed into the earth and fetched water in {can.A}.");
        t.Say($"On the first day nothing grew, and {hero} was {t.Draw(Lexicon.Sad)}.", "On the first day there was nothing to see but earth.");
        t.Befriend(hero, friend);
        t.Speak(friend, "there is nothing there!", $"that will never be {Grammar.A(plant)}, {hero}");
        t.Speak(hero, $"{giver} said {days} days", $"wait, {friend}, it takes {days} days");
        t.Paragraph();
        t.Say($"Every day {hero} took {can} and watered the seed, {hero.Hobby[2]} or not.", $"Day after day {hero} came with {can}.");
        t.Say($"And when {days} days were over, {Grammar.A(plant)} stood {home.In}.", $"After {days} days there was a green tip, and soon {Grammar.A(plant)}.");
        t.Speak(friend, $"you were right, {hero}, it is {Grammar.A(plant)}!");
        t.Say($"{hero} and {friend} {hero.Walked} to {away} to tell {giver}.");
        t.Speak(giver, $"{Grammar.A(plant)} needs {days} days and {Grammar.A($"{hero.Trait} {hero.Kind}")}", $"I knew it, {hero}, for you are {hero.Trait}");
        t.Close(hero, friend);
    }

    static void Cook(Teller t)
    {
        Person hero = t.Child(), friend = t.Child();
        var (home, shop, a, b, c, dish) = (t.Place(), t.Place(), t.Food(), t.Food(), t.Food(), t.Either("cake", "soup", "pie", "stew", "pudding", "salad"));
        var relative = t.Relative();
        t.Open(hero, home);
        t.Say($"{t.Draw(Lexicon.Times)} {hero} wanted to make a {dish} for {hero.His} {relative}.", $"It was the birthday of {hero.His} {relative}, and {hero} decided to make a {dish}.");
        t.Say($"For the {dish} {hero.He} needed {a}, {b} and {c}.", $"In the recipe for the {dish} stood {a}, {b} and {c}.");
        t.Say($"There were {a} and {b} in the house, but no {c}.", $"{hero} found {a} and {b}, but {c} could not be found.");
        t.Befriend(hero, friend);
        t.Speak(hero, $"{friend}, have you got any {c}?", $"I need {c} for a {dish}, {friend}");
        t.Speak(friend, $"no, but there are {c} {shop.In}", $"let us fetch {c} from {shop}");
        t.Go(hero, friend, shop);
        var seller = t.GrownUp();
        t.Meet(hero, seller);
        t.Speak(seller, "what do you need?", $"I sell {t.Food()} and {c}");
        t.Speak(hero, $"{c}, please, for the {dish} of my {relative}", $"{c} please, {seller}");
        t.Paragraph();
        t.Go(hero, friend, home);
        t.Say($"{hero} mixed the {a} with the {b}, and {friend} added the {c}.", $"First came the {a}, then the {b}, and at last the {c} of {seller}.");
        t.Say($"Soon the {dish} was ready, and it tasted of {c}.", $"They waited, {friend} {friend.Hobby[2]} and {hero} {hero.Hobby[2]}, until the {dish} was done.");
        t.Say($"{hero.His} {relative} tasted the {dish} and smiled.");
        t.Say($"\"{a}, {b} and {c}, that is my favourite {dish},\" said the {relative}.", $"\"Who thought of the {c}?\" asked the {relative}. \"{friend},\" said {hero}.");
        t.Close(hero, friend);
    }

    static void Contest(Teller t)
    {
        Person hero = t.Child(), rival = t.Child(), judge = t.GrownUp();
        var (home, field, festival, prize, cry) = (t.Place(), t.Place(), t.Draw(Lexicon.Festivals), t.Thing(), t.Draw(Lexicon.Lessons));
        t.Open(hero, home);
        t.Say($"Every year there was {Grammar.A(festival)} {field.In}, and the prize was {prize.A}.", $"Soon the {festival} was to be held {field.In}. The winner would get {prize.A}.");
        t.Say($"{hero} could do nothing as well as {hero.Hobby[2]}, so {hero.He} practised {hero.Hobby[2]} every day.");
        t.Say($"{rival}, {Grammar.A($"{rival.Trait} {rival.Kind}")} in {rival.Garment}, practised {rival.Hobby[2]}.", $"But there was also {rival}, {rival.The} in {rival.Garment}, who was good at {rival.Hobby[2]}.");
        t.Speak(rival, $"{prize} will be mine!", $"you will never win {prize}, {hero}");
        t.Paragraph();
        t.Go(hero, rival, field);
        (judge.At, prize.Holder) = (field, judge);
        t.Say($"{judge} {judge.The} opened the {festival} and held up {prize}.", $"The judge of the {festival} was {judge} {judge.The}, who kept {prize}.");
        t.Say($"First {rival} {rival.Hobby[1]}, and everybody clapped.", $"{rival} began and {rival.Hobby[1]} very well.");
        t.Say($"Then {hero} {hero.Hobby[1]}, and everybody held their breath.", $"Then it was the turn of {hero}, who {hero.Hobby[1]} better than ever.");
        var (winner, loser) = t.Chance(60) ? (hero, rival) : (rival, hero);
        t.Speak(judge, $"{winner} {winner.The} has won {prize}!", $"the winner is {winner}!");
        t.Give(judge, winner, prize);
        t.Speak(loser, $"you were better, {winner}", $"well done, {winner}");
        t.Speak(winner, $"let us share {prize}, {loser}", $"will you teach me {loser.Hobby[2]}, {loser}?");
        t.Say($"At the next {festival} {hero} {hero.Hobby[1]} and {rival} {rival.Hobby[1]} together.", $"After the {festival} {loser} and {winner} carried {prize} home.");
        t.Say($"\"{cry},\" said {judge} {judge.Manner}.");
        t.Close(hero, rival);
    }

    static void Help(Teller t)
    {
        Person hero = t.Child(), worker = t.GrownUp();
        var (home, work, tool, spot, reward) = (t.Place(), t.Place(), t.Thing(), t.Spot(), t.Thing());
        reward.Holder = worker;
        t.Open(hero, home);
        t.Go(hero, work);
        t.Meet(hero, worker);
        t.Say($"{worker} looked {t.Draw(Lexicon.Sad)}.");
        t.Speak(hero, $"what is the matter, {worker}?", $"why do you look so, {worker}?");
        t.Speak(worker, $"I have lost {tool.Of("my")}", $"{tool.Of("my")} is gone, and {Grammar.A(worker.Kind)} needs it");
        t.Speak(hero, $"I will look for {tool}", $"{Grammar.A(hero.Kind)} has good eyes");
        t.Speak(worker, $"whoever finds {tool} shall have {reward.Of("my")}", $"if you find it, I will give you {reward.A}");
        t.Paragraph();
        var (wrong, other) = (t.Spot(), t.Spot());
        t.Say($"{hero} looked {wrong}, but {tool} was not there.", $"{hero} searched {wrong}, but found nothing.");
        t.Say($"{hero} looked {other}, but {tool} was not there.", $"Then {hero} searched {other}, but found only dust.");
        (tool.At, tool.Spot) = (work, spot);
        t.Take(hero, tool);
        t.Speak(hero, $"{worker}, here is {tool}!", "I have found it!");
        t.Give(hero, worker, tool);
        t.Say($"\"Was it {wrong}?\" asked {worker} {worker.Manner}. \"No, {spot},\" said {hero}.", $"\"{wrong}?\" asked {worker}. \"No, {worker}, {spot},\" said {hero} {hero.Manner}.");
        t.Give(worker, hero, reward);
        t.Say($"{worker} {worker.The} went back to work with {tool}, and {hero} went home with {reward}.");
        t.Close(hero, worker);
    }
}
