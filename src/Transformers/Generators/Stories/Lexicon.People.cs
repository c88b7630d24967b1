namespace Transformers.Generators.Stories;

/// <summary>The words of the stories. Within a list, common words stand first and are drawn more often.</summary>
static partial class Lexicon
{
    public static readonly string[] Girls = Words("""
        Mia Lily Anna Emma Rosa Clara Nora Ella Ruby Alice Hanna Ivy Lucy Molly Daisy Sara Lena Maya Zoe Grace
        Tilda Greta Freya Iris Hazel Penny Poppy Wilma Edith Olive Martha Nell Flora Ada Bella Cora Dora Elsa Fern Gwen
        Holly Ingrid Julia Kira Lotte Mabel Nina Opal Petra Queenie
        """);

    public static readonly string[] Boys = Words("""
        Tom Ben Max Sam Leo Jack Finn Oscar Henry Theo Hugo Peter Will Noah Luke Adam Simon Otto Felix Emil
        Arthur Bruno Caspar Daniel Edgar Franz George Harold Ian Jonas Karl Louis Martin Nils Owen Paul Quentin Ralph Stefan Toby
        Ulric Victor Walter Xaver Yorick Albert Basil Conrad Dexter Ernest
        """);

    public static readonly string[] Surnames = Words("""
        Hill Brook Pepper Wood Stone Baker Fields Marsh Finch Thorn Bell Frost Winter Lamb Reed Moss Crane Snow Barley Gray
        Applegate Bramble Copperfield Dimple Elderberry Figg Goodwin Hawthorne Inkwell Jolly Kettle Lovage Merriweather Nutley Oakley
        Pennywhistle Quill Rumble Sparrow Thistle Underhill Vane Whistler Yardley Ambrose Birdwhistle Cobbler Dewdrop Everly Fairweather
        """);

    public static readonly string[] Animals = Words("""
        rabbit fox mouse bear hedgehog squirrel otter badger owl duck frog cat dog goose hen lamb pony kitten puppy mole
        beaver deer wolf sparrow robin swan turtle goat pig donkey crow dormouse hare heron raccoon toad weasel ferret penguin seal
        koala panda magpie pigeon lizard hamster parrot pelican walrus camel elephant giraffe monkey tiger kangaroo ostrich puffin stork vole newt
        alpaca armadillo buffalo chipmunk donkey-foal gecko gosling heifer iguana jackal kestrel lemur llama lynx marmot meerkat moose ostrich-chick
        partridge pheasant platypus pony-foal quail reindeer salamander skunk sloth starling terrapin turkey wombat woodpecker yak zebra
        """);

    public static readonly string[] Jobs = Words("""
        baker farmer miller fisher teacher gardener shoemaker tailor doctor carpenter blacksmith potter weaver shepherd sailor painter
        clockmaker mail-carrier librarian grocer butcher beekeeper bargee lighthousekeeper candlemaker toymaker bookbinder cook innkeeper
        woodcutter gamekeeper hatter glassblower basketmaker stonemason roofer chimneysweep night-guard signaller conductor engineer
        inventor astronomer musician fiddler piper dancer juggler magician puppeteer storyteller poet mapmaker captain soldier knight
        judge mayor nurse dentist plumber mechanic pilot printer jeweller actor singer drummer trumpeter optician chemist scientist explorer gatekeeper milliner furrier tanner
        upholsterer dyer cartographer archer chaperone professor botanist geologist tutor detective firefighter acrobat translator editor
         locksmith tinker pedlar cheesemaker winemaker brewer dairy-hand
        goatherd falconer hunter trapper ranger diver pearlfisher shipwright ropemaker sailmaker saddler cooper wheelwright thatcher
        """);

    public static readonly string[] Relatives = Words("mother father grandmother grandfather aunt uncle sister brother cousin godmother");

    /// <summary>Who somebody is: an adjective, and the noun that the end of the story may call it by.</summary>
    public static readonly string[] Traits = Words("""
        kind brave curious clever patient gentle cheerful careful shy honest quiet stubborn lazy proud hungry sleepy busy playful
        generous polite thoughtful helpful friendly restless forgetful grumpy greedy jealous boastful timid nervous dreamy merry lively
        serious sensible bold daring fearless lonely modest noisy talkative clumsy nimble tidy messy punctual loyal trusting wise foolish
        mischievous adventurous determined hopeful imaginative impatient inventive reckless obedient absent-minded warm-hearted
        """);

    public static readonly string[] Glad = Words("""
        happy glad proud excited pleased delighted relieved grateful joyful content hopeful thankful overjoyed satisfied thrilled amused
        radiant jubilant enchanted speechless
        """);

    public static readonly string[] Sad = Words("""
        sad angry worried afraid tired lonely sorry cross upset puzzled ashamed miserable nervous frightened disappointed unhappy
        homesick embarrassed gloomy heartbroken alarmed desperate offended troubled bewildered discouraged
        """);

    /// <summary>What somebody likes to do: base form, past, and the form in -ing.</summary>
    public static readonly string[][] Hobbies = Forms("""
        sing sang singing|paint painted painting|dance danced dancing|read read reading|draw drew drawing|run ran running
        swim swam swimming|climb climbed climbing|fish fished fishing|bake baked baking|cook cooked cooking|write wrote writing
        build built building|dig dug digging|jump jumped jumping|skip skipped skipping|whistle whistled whistling|knit knitted knitting
        sew sewed sewing|carve carved carving|juggle juggled juggling|skate skated skating|sail sailed sailing|row rowed rowing
        ride rode riding|hum hummed humming|sketch sketched sketching|weave wove weaving|hike hiked hiking|garden gardened gardening
        explore explored exploring|count counted counting|sleep slept sleeping|daydream daydreamed daydreaming|gallop galloped galloping
        wander wandered wandering|splash splashed splashing|tinker tinkered tinkering|rhyme rhymed rhyming|yodel yodelled yodelling
        """);

    static string[] Words(string list) => list.Split((char[])[' ', '\n', '\r'], StringSplitOptions.RemoveEmptyEntries);

    static string[][] Forms(string list) =>
        [.. list.Split((char[])['|', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries).Select(Words)];

    static string[] Phrases(string list) =>
        list.Split((char[])['|', '\n'], StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries);
}
