namespace Transformers.Generators.Stories;

// Plots about messages and journeys: visits, errands, secrets, letters, strays, flocks, fears.
static partial class Plots
{
    static void Visit(Teller t)
    {
        Person hero = t.Child(), host = t.GrownUp();
        var (home, village, relative, gift) = (t.Place(), t.Draw(Lexicon.Villages), t.Relative(), t.Thing());
        var (first, second, mishap) = (t.Draw(Lexicon.Sights), t.Draw(Lexicon.Sights), t.Draw(Lexicon.Mishaps));
        gift.Holder = hero;
        t.Open(hero, home);
        t.Say($"{hero.His} {relative} lived in {village}, and {hero} wanted to bring {hero.His} {relative} {gift.A}.", $"{t.Draw(Lexicon.Times)} {hero} set out for {village} to visit {hero.His} {relative}, with {gift.A} as a present.");
        t.Say($"On the way {hero} saw {first}.", $"The first thing on the road to {village} was {first}.");
        t.Say($"Later {hero} passed {second}.", $"A mile further there was {second}.");
        t.Say($"Then {mishap[0]}.", $"Just before {village}, {mishap[0]}.");
        var road = t.Place();
        (hero.At, host.At) = (road, road);
        t.Meet(hero, host);
        t.Speak(host, $"are you going to {village}?", $"I know a way around the {mishap[1]}");
        t.Speak(hero, $"I must bring {gift} to {village}", $"my {relative} lives in {village}");
        t.Say($"{host} helped {hero}, and so they came to {village} in spite of the {mishap[1]}.");
        t.Paragraph();
        t.Say($"\"What did you see on the way?\" asked {hero.His} {relative}.");
        t.Say($"\"{first}, and then {second},\" said {hero} {hero.Manner}.", $"\"First {first}, then {second}, and then {host} {host.The},\" said {hero}.");
        t.Say($"\"And this is for you.\" It was {gift}.", $"Then {hero} gave {gift} to {hero.His} {relative}.");
        t.Say($"The {relative} put {gift} on the table and brought {t.Food()} for {hero} and {host}.");
        t.Say($"When {hero} went home from {village}, {first} and {second} were still there.", $"On the way home {hero} looked again for {second} and for {first}.");
        t.Close(hero, host);
    }

    static void Errand(Teller t)
    {
        var hero = t.Child();
        var (home, shop, relative, a, b, c) = (t.Place(), t.Place(), t.Relative(), t.Food(), t.Food(), t.Food());
        Person seller = t.GrownUp(), friend = t.Child();
        var count = t.Draw(Lexicon.Numbers);
        t.Open(hero, home);
        t.Say($"\"Please fetch {a}, {b} and {c},\" said {hero.His} {relative} and gave {hero.Him} {count} coins.", $"{hero.His} {relative} gave {hero.Him} {count} coins to buy {a}, {b} and {c}.");
        t.Say($"\"{a}, {b}, {c},\" {hero} said again and again, so as not to forget.", $"\"{a}, {b} and {c},\" said {hero} {hero.Manner}.");
        t.Go(hero, shop);
        friend.At = shop;
        t.Say($"{shop.In} {friend} {friend.The} was {friend.Hobby[2]}.");
        t.Speak(friend, $"come and {friend.Hobby[0]} with me, {hero}!", $"what do you want {shop.In}, {hero}?");
        t.Say($"{hero} {friend.Hobby[1]} with {friend} until {hero.He} had nearly forgotten the list.");
        t.Paragraph();
        t.Meet(hero, seller);
        t.Speak(seller, $"what may I give you, {hero}?", "what is on your list?");
        t.Speak(hero, $"{a}, {b} and something else", $"{a} and {b}, and I have forgotten the third");
        t.Speak(friend, $"was it {t.Food()}?", $"was it {t.Food()} or {t.Food()}?");
        t.Speak(seller, $"I think it was {c}", $"I have fresh {c} today");
        t.Speak(hero, $"{c}, of course!", $"yes, {c}!");
        t.Say($"{hero} paid {count} coins and carried the {a}, the {b} and the {c} home.", $"The {a}, the {b} and the {c} cost {count} coins.");
        t.Say($"\"Did you remember everything?\" asked the {relative}. \"Yes,\" said {hero} {hero.Manner}, \"{a}, {b} and {c}.\"");
        t.Close(hero, friend);
    }

    static void Secret(Teller t)
    {
        Person hero = t.Child(), friend = t.Child(), other = t.Child();
        var (home, away, secret, promise) = (t.Place(), t.Place(), t.Draw(Lexicon.Secrets), t.Thing());
        promise.Holder = hero;
        t.Open(hero, home);
        t.Befriend(hero, friend);
        t.Go(hero, friend, away);
        t.Speak(hero, $"I will tell you a secret, {friend}: {secret}", $"listen, {friend}: {secret}");
        t.Speak(friend, "I will tell nobody", $"nobody will hear it from {Grammar.A($"{friend.Trait} {friend.Kind}")}");
        t.Speak(hero, $"if you keep it, I will give you {promise.Of("my")}", $"then {promise.Of("my")} shall be yours");
        t.Paragraph();
        other.At = away;
        t.Say($"The next day {other} {other.The} came to {friend}.", $"Soon {other}, {Grammar.A($"{other.Trait} {other.Kind}")}, met {friend} {away.In}.");
        t.Speak(other, $"what did {hero} tell you {away.In}?", $"I saw you with {hero}, do you have a secret?");
        var kept = t.Chance(60);
        if (kept)
        {
            t.Speak(friend, $"I promised {hero} to tell nobody", $"ask {hero}, {other}");
            t.Say($"{other} begged and begged, but {friend} only {friend.Hobby[1]}.");
            t.Say($"When {hero} heard of it from {other}, {hero.He} was {t.Draw(Lexicon.Glad)}.");
            t.Speak(hero, $"you kept the secret, {friend}, here is {promise.Of("my")}");
            t.Give(hero, friend, promise);
            t.Say($"And nobody but {hero} and {friend} knows to this day that {secret}.");
        }
        else
        {
            t.Speak(friend, $"{hero} says that {secret}", $"do not tell {hero}, but {secret}");
            t.Say($"By evening everybody {home.In} knew that {secret}.");
            t.Speak(hero, $"you told {other} that {secret}!", $"how does {other} know that {secret}?");
            t.Speak(friend, $"I am sorry, {hero}, keep {promise.Of("your")}", $"forgive me, {hero}");
            t.Say($"{hero} kept {promise}, but forgave {friend}.");
        }
        t.Close(hero, friend);
    }

    static void Letters(Teller t)
    {
        Person hero = t.Child(), friend = t.Child(), postman = t.GrownUp();
        var (home, village, weather, gift, song) = (t.Place(), t.Draw(Lexicon.Villages), t.Draw(Lexicon.Weathers), t.Thing(), t.Draw(Lexicon.Songs));
        t.Open(hero, home);
        t.Say($"{hero.His} friend {friend}, {Grammar.A($"{friend.Trait} {friend.Kind}")}, had moved to {village}.", $"But {friend}, {hero.His} friend, lived far away in {village}.");
        t.Say($"{weather[0]}, and {hero} wrote a letter.");
        t.Say($"\"Dear {friend}, how are you in {village}? Here I sit and listen to {weather[1]} and sing {song}. I am often {hero.Hobby[2]}. Yours, {hero}.\"",
            $"\"Dear {friend}, I have learnt to {hero.Hobby[0]}, and I sing {song}. Is {weather[1]} the same in {village}? Yours, {hero}.\"");
        t.Meet(hero, postman);
        t.Speak(postman, $"to {village}? That is far", $"I will bring your letter to {village}, {hero}");
        t.Paragraph();
        t.Say($"After {t.Draw(Lexicon.Numbers)} days {postman} {postman.The} came back with a letter and {gift.A}.", $"A week later {postman} brought an answer and {gift.A}.");
        t.Say($"\"Dear {hero}, in {village} I am {friend.Hobby[2]}, and when I think of {weather[1]} I sing {song} too. The {gift.Noun} is for you. Yours, {friend}.\"",
            $"\"Dear {hero}, so you can {hero.Hobby[0]}! I like to {friend.Hobby[0]} now. Take {gift} and sing {song} for me. Yours, {friend}.\"");
        t.Say($"{hero} held {gift} and sang {song}.", $"{hero} put {gift} {t.Spot()} and was {t.Draw(Lexicon.Glad)}.");
        t.Speak(postman, $"is that from {friend} in {village}?", $"will you write to {friend} again, {hero}?");
        t.Speak(hero, $"yes, from {friend}, my friend", $"{friend} sings {song} too!");
        t.Say($"Since then {postman} {postman.The} goes to {village} and back every week.");
        t.Close(hero, friend);
    }

    static void Stray(Teller t)
    {
        Person hero = t.Child(), owner = t.GrownUp(), other = t.GrownUp();
        var (home, away, animal, collar, food) = (t.Place(), t.Place(), t.Draw(Lexicon.Animals), t.Thing(), t.Food());
        t.Open(hero, home);
        t.Say($"{t.Draw(Lexicon.Times)} {hero} found a little {animal} {home.In}. Around its neck hung {collar.A}.", $"A little {animal} stood {home.In} and had {collar.A} around its neck.");
        t.Say($"{hero} gave some {food} to the {animal}.", $"The {animal} was hungry and ate all the {food} that {hero} had.");
        t.Speak(hero, $"whose {animal} is this?", $"somebody must miss this {animal}");
        t.Go(hero, away);
        t.Meet(hero, other);
        t.Speak(hero, $"is this your {animal}, {other}?", $"{other}, do you know {collar}?");
        t.Speak(other, $"no, {Grammar.A(other.Kind)} has no {animal}, ask {owner}", $"no, but {owner} {owner.The} has lost {Grammar.A(animal)}");
        t.Paragraph();
        t.Say($"So {hero} and the {animal} {hero.Walked} on, and the {animal} carried {collar}.", $"{hero} thanked {other} {other.The} and {hero.Walked} on with the {animal}.");
        t.Meet(hero, owner);
        t.Say($"The {animal} ran to {owner} and jumped for joy.", $"When {owner} saw the {animal}, {owner.He} was {t.Draw(Lexicon.Glad)}.");
        t.Speak(owner, $"my {animal}, and {collar} too!", $"you have brought back my {animal}!");
        t.Speak(hero, $"it likes {food}", $"{other} sent me to you");
        t.Speak(owner, $"then it shall have {food} every day, and you may visit it, {hero}", $"keep {collar} as a memory, {hero}");
        t.Say($"From then on {hero} brought {food} to the {animal} every week.");
        t.Close(hero, owner);
    }

    static void Flock(Teller t)
    {
        Person hero = t.Child(), friend = t.Child();
        var (home, away, animal, count, spot, thing) = (t.Place(), t.Place(), t.Draw(Lexicon.Animals), t.Draw(Lexicon.Numbers), t.Spot(), t.Thing());
        var (name, song) = (t.Draw(Lexicon.Songs), t.Draw(Lexicon.Songs));
        thing.Holder = hero;
        t.Open(hero, home);
        t.Say($"{hero} looked after {count} animals, and the smallest was {Grammar.A(animal)} that loved the song {song}.", $"{hero} had {count} animals to look after. The {animal} was the smallest and listened only to {song}.");
        t.Befriend(hero, friend);
        t.Go(hero, friend, away);
        t.Say($"In the evening {hero} counted the animals, but there were not {count}.", $"{away.In} {hero} counted. One of the {count} was missing.");
        t.Speak(hero, $"the {animal} is gone!", $"where is the {animal}, {friend}?");
        t.Speak(friend, "call it!", $"sing {song}, {hero}");
        t.Say($"{friend} sang {name}, but nothing moved.", $"First {friend} tried {name}, but the {animal} did not come.");
        t.Say($"Then {hero} took {thing.A} and played {song}.", $"Then {hero} sang {song} and waved {thing.A}.");
        t.Paragraph();
        t.Say($"Something answered {spot}. It was the {animal}!", $"And {spot} sat the {animal} and listened.");
        t.Speak(friend, $"not {name}, but {song}!", $"{thing} and {song} have saved it!");
        t.Say($"{hero} counted again, and now there were {count}.", $"Now there were {count} animals again, with the {animal} in front.");
        t.Go(hero, friend, home);
        t.Say($"{hero} hung {thing} on a nail and promised never to leave the {animal} {spot} again.");
        t.Close(hero, friend);
    }
}
