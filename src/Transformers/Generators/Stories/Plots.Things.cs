namespace Transformers.Generators.Stories;

// Plots about things: lost, lent, swapped, mixed up, quarrelled over, looked for.
static partial class Plots
{
    static void Lost(Teller t)
    {
        Person hero = t.Child(), friend = t.Child();
        Place home = t.Place(), away = t.Place();
        var (thing, spot, giver) = (t.Thing(hero), t.Spot(), t.Relative());
        t.Open(hero, home);
        t.Say($"{hero} had {thing.A} from {hero.His} {giver} and took it everywhere.", $"{hero.His} {giver} had given {hero.Him} {thing.A}, and {hero} loved it.");
        t.Befriend(hero, friend);
        t.Go(hero, friend, away);
        t.Put(hero, thing, spot);
        t.Say($"{hero} laid {thing} {spot}, and then they played {away.In} until it was dark.");
        t.Paragraph();
        t.Go(hero, home);
        t.Say($"At home {hero} looked for {thing}, but it was gone.", $"In the evening {hero} wanted to see {thing}, but {hero.He} could not find it.");
        t.Speak(hero, $"where is {thing.Of("my")}?", $"what will my {giver} say?", $"{thing.Of("my")} is gone!");
        t.Say($"{hero} was {t.Draw(Lexicon.Sad)} and ran to {friend}.");
        t.Speak(friend, $"you laid {thing} {spot}", $"I think it is still {spot} {away.In}");
        friend.At = home;
        t.Go(hero, friend, away);
        t.Take(hero, thing);
        t.Speak(hero, $"thank you, {friend}", $"you are a true friend, {friend}");
        t.Say($"{hero.His} {giver} never heard that {thing} had been lost.", $"And {hero} never again left {thing} {spot}.");
        t.Close(hero, friend);
    }

    static void Lent(Teller t)
    {
        Person hero = t.Child(), friend = t.Child();
        var (home, away, thing, food) = (t.Place(), t.Place(), t.Thing(), t.Food());
        thing.Holder = friend;
        t.Open(hero, home);
        t.Befriend(hero, friend);
        t.Say($"{friend} owned {thing.A}, and {hero} wished to borrow it.", $"{friend} had {thing.A}. {hero} thought it the finest thing in the world.");
        t.Speak(hero, $"may I borrow {thing.Of("your")}, {friend}?", $"{friend}, will you lend me {thing.Of("your")}?");
        t.Speak(friend, $"yes, if you bring me some {food} for it", $"yes, {hero}, but I would like some {food} in return");
        t.Speak(hero, $"I promise to bring you {food}", $"{food} you shall have");
        t.Give(friend, hero, thing);
        t.Paragraph();
        t.Go(hero, away);
        t.Say($"{away.In} {hero} played with {thing} all day long.", $"All day {hero} carried {thing} about {away.In}.");
        t.Say($"Then {hero} remembered the promise: {friend} was waiting for the {food}.");
        var seller = t.GrownUp();
        t.Meet(hero, seller);
        t.Speak(hero, $"dear {seller}, have you any {food}?", $"{seller}, I need {food} for {friend}");
        t.Speak(seller, $"take this {food}, and greet {friend} from me", $"I have plenty of {food}, for I am {Grammar.A(seller.Kind)}");
        t.Paragraph();
        t.Go(hero, home);
        t.Give(hero, friend, thing);
        t.Say($"And with {thing} came the {food}, just as {hero} had promised.", $"Next to {thing} stood a plate of {food}.");
        t.Speak(friend, $"you kept your promise, {hero}!", $"{food}!");
        t.Say($"{hero} and {friend} ate the {food} and talked about {seller} {seller.The}.");
        t.Close(hero, friend);
    }

    static void Swaps(Teller t)
    {
        Person hero = t.Child(), first = t.GrownUp(), second = t.GrownUp(), third = t.Child();
        var (home, market) = (t.Place(), t.Place());
        Thing a = t.Thing(hero), b = t.Thing(first), c = t.Thing(second), d = t.Thing(third);
        t.Open(hero, home);
        t.Say($"{hero} had nothing but {a.A}.", $"All that {hero} owned was {a.A}.");
        t.Say($"But what {hero} wished for was {d.A}, like the one that {third} had.", $"{third}, {third.The}, had {d.A}, and {hero} wished for nothing else.");
        t.Go(hero, market);
        t.Meet(hero, first);
        t.Speak(first, $"I will give you {b.A} for {a.Of("your")}");
        Exchange(t, hero, first, a, b);
        t.Paragraph();
        t.Meet(hero, second);
        t.Speak(second, $"{b.A}! I need one, take {c.Of("my")} for it");
        Exchange(t, hero, second, b, c);
        t.Paragraph();
        t.Go(hero, home);
        third.At = home;
        t.Say($"{home.In} sat {third}, {third.Hobby[2]}.");
        t.Speak(hero, $"would you give me {d} for {c}?", $"{third}, look, I have {c.A}");
        t.Speak(third, $"I have always wanted {c.A}!");
        Exchange(t, hero, third, c, d);
        t.Say($"So {a} became {b}, {b} became {c}, and {c} became {d}.", $"Now {first} had {a}, {second} had {b}, and {third} had {c}.");
        t.Say($"And {hero} had {d} at last.");
        t.Close(hero, third);
    }

    static void Exchange(Teller t, Person hero, Person other, Thing given, Thing received)
    {
        t.Give(hero, other, given);
        received.Holder = hero;
        t.Say($"For it {hero.He} got {received}.", $"And {other} gave {received} to {hero}.");
    }

    static void Quarrel(Teller t)
    {
        Person hero = t.Child(), friend = t.Child();
        var (home, thing, spot, food) = (t.Place(), t.Thing(), t.Spot(), t.Food());
        t.Open(hero, home);
        t.Befriend(hero, friend);
        (thing.At, thing.Spot) = (home, spot);
        t.Say($"{t.Draw(Lexicon.Times)} they found {thing.A}. It lay {spot}.", $"{t.Draw(Lexicon.Times)} {thing.A} lay {spot} {home.In}.");
        t.Speak(hero, $"{thing} is mine!", "I saw it first!");
        t.Speak(friend, $"no, {hero}, {thing} is mine", $"you are not {hero.Trait}, {hero}, you are mean");
        t.Take(hero, thing);
        t.Say($"{friend} was {t.Draw(Lexicon.Sad)} and went away without a word.");
        t.Paragraph();
        t.Say($"Alone, {hero} did not enjoy {thing} at all.", $"But it was no fun to play with {thing} without {friend}.");
        t.Say($"Nobody was {friend.Hobby[2]}, and nobody said \"{friend.Cry}\" any more.", $"{hero} missed {friend.Hobby[2]} with {friend}.");
        t.Say($"So {hero} took {thing} and some {food} and went to {friend}.");
        t.Speak(hero, $"I am sorry, {friend}", $"please forgive me, {friend}");
        t.Speak(friend, $"I am sorry too, {hero}", $"let us share {thing}, {hero}");
        t.Give(hero, friend, thing);
        t.Say($"Then they ate the {food}, and one day {thing} was with {hero}, the next day with {friend}.");
        t.Say($"At night it lay {spot}, where they had found it.", $"And when nobody played with it, {thing} lay {spot}.");
        t.Close(hero, friend);
    }

    static void Treasure(Teller t)
    {
        Person hero = t.Child(), friend = t.Child(), owner = t.GrownUp();
        var (home, away, thing, spot, feeling) = (t.Place(), t.Place(), t.Thing(), t.Spot(), t.Draw(Lexicon.Glad));
        (thing.At, thing.Spot) = (away, spot);
        t.Open(hero, home);
        t.Befriend(hero, friend);
        t.Say($"{t.Draw(Lexicon.Times)} {hero} found an old map with the words \"{away.In}, {spot}\".", $"In a bottle {hero} found a note. It said: \"Go to {away} and look {spot}.\"");
        t.Speak(friend, "it is a treasure map!", $"let us go to {away}!");
        t.Go(hero, friend, away);
        t.Meet(hero, owner);
        t.Speak(owner, "what are you two looking for?", "have you lost something?");
        t.Speak(hero, $"we are looking for a treasure {spot}", $"we have a map, {owner}");
        t.Take(hero, thing);
        t.Paragraph();
        t.Say($"When {owner} saw {thing}, {owner.He} became {feeling}.", $"{owner} stared at {thing} and was {feeling}.");
        t.Speak(owner, $"that is {thing.Of("my")}, I hid it {spot} when I was little", $"when I was a child, {thing} was mine, and I drew that map");
        t.Say($"{hero} looked at {friend}, and {friend} nodded.");
        t.Give(hero, owner, thing);
        var food = t.Food();
        t.Speak(owner, $"come to me and eat {food}, {hero} and {friend}", $"for this you shall both have {food}");
        t.Say($"So {owner} {owner.The} got back {thing}, and {hero} and {friend} got {food}.");
        t.Close(hero, friend);
    }

    static void MixUp(Teller t)
    {
        Person hero = t.Child(), other = t.GrownUp();
        var (home, away, bag, mine, his) = (t.Place(), t.Place(), t.Either("bag", "box", "basket", "suitcase"), t.Thing(), t.Thing());
        (mine.Holder, his.Holder) = (hero, other);
        t.Open(hero, home);
        t.Say($"{hero} put {mine.A} into a {bag} and set off.", $"In a {bag} {hero} carried {mine.A}.");
        t.Go(hero, away);
        t.Meet(hero, other);
        t.Say($"{other} had a {bag} too, and in it was {his.A}.", $"{other} put down a {bag} with {his.A} in it, and {hero} put down {hero.His} {bag} next to it.");
        t.Say($"They talked about {other.Hobby[2]} and about {hero.Hobby[2]}, and then each took a {bag} and left.");
        (mine.Holder, his.Holder) = (other, hero);
        t.Paragraph();
        t.Say($"At home {hero} opened the {bag}. There was no {mine.Noun} in it, but {his.A}!", $"When {hero} looked into the {bag}, {mine} was gone, and there lay {his.A}.");
        t.Speak(hero, $"this is not my {bag}!", $"{other} has {thingOf(mine)}!");
        t.Say($"At the same time {other} {other.The} opened the other {bag} and saw {mine}.");
        t.Speak(other, $"{mine.A}! It must belong to {hero}");
        t.Say($"{hero} {hero.Walked} back to {away}, and {other} {other.Walked} there too.");
        t.Give(hero, other, his);
        t.Give(other, hero, mine);
        t.Speak(other, $"next time I will tie {other.Garment} to my {bag}", $"look into your {bag} before you go, {hero}");
        t.Say($"They laughed, {other} with {his} and {hero} with {mine}.");
        t.Close(hero, other);

        static string thingOf(Thing thing) => thing.Of("my");
    }
}
