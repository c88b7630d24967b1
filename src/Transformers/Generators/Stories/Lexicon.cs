namespace Transformers.Generators.Stories;

/// <summary>The words of the stories. Within a list, common words come first and are drawn more often.</summary>
static class Lexicon
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

    /// <summary>A person's trait: an adjective, and the noun that may be used for it at the end of the story.</summary>
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

    /// <summary>What a person likes to do: base form, past tense and -ing form.</summary>
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

    public static readonly string[] Things = Words("""
        ball kite book hat boat drum bell lantern basket key ring scarf doll cup box spoon coin map flute whistle
        blanket bucket shell feather button mirror brush pencil ribbon string apron jar bottle pillow candle wagon sled rope
        puppet puzzle marble teapot kettle compass trumpet fiddle banjo harp tambourine accordion harmonica bugle
        locket bracelet necklace brooch crown medal pendant pearl ruby emerald sapphire diamond crystal pebble acorn pinecone
        umbrella glove mitten boot slipper sandal shawl bonnet cloak waistcoat jacket jumper belt buckle purse satchel knapsack suitcase
        hammer chisel saw trowel spade rake shovel sickle ladle whisk rolling-pin teacup saucer plate bowl jug mug pitcher goblet thimble
        needle spindle bobbin anchor oar paddle lifebelt telescope spyglass magnet hourglass pocket-watch clock barometer thermometer
        notebook diary postcard letter envelope stamp parcel paintbrush easel inkpot quill crayon eraser ruler globe atlas
        tricycle bicycle scooter skateboard hoop skittle yo-yo rattle windmill whirligig pinwheel balloon bubble-pipe
        snow-globe music-box jack-in-the-box rocking-horse spinning-top model-ship tin-soldier paper-boat toy-train teddy
        fan comb hairpin parasol walking-stick lamp torch tinderbox horseshoe bird-whistle keyring tassel figurine statue vase
        abacus bagpipe bellows bodice bonbonniere candlestick canteen cello clarinet cork corkscrew cradle cutlass dagger dice domino
        drumstick dustpan earmuff fishing-rod flask fountain-pen funnel gong gramophone handkerchief hatbox helmet inkwell jewel kaleidoscope
        knocker ladybird-box lasso lute mandolin metronome microscope mousetrap nutcracker oboe ocarina padlock palette pepper-mill
        pincushion pliers porringer prism pulley recorder satchel-strap scroll sextant shuttlecock sieve sleigh-bell slingshot stopwatch
        tambour tankard tiara toboggan tongs tripod trombone tuba typewriter ukulele viola whetstone xylophone zither
        flowerpot watering-can birdhouse hammock tent cushion quilt rug tapestry banner flag pennant mask costume cape wand
        """);

    /// <summary>Tools for building.</summary>
    public static readonly string[] Tools = Words("hammer saw spade axe shovel chisel mallet drill trowel ladder wheelbarrow pickaxe crowbar hatchet workbench vice");

    /// <summary>Vessels for water.</summary>
    public static readonly string[] Vessels = Words("watering-can bucket jug pitcher cup kettle bowl mug bottle teapot goblet saucepan pail flask basin");

    /// <summary>What things look like; each fits every thing.</summary>
    public static readonly string[] Looks = Words("""
        red blue green yellow little old white silver golden wooden black shiny brown purple orange tiny pink striped painted grey
        spotted crooked pretty dusty tin round heavy copper brass polished crimson scarlet turquoise violet amber ivory emerald-green
        sky-blue lemon-yellow rusty faded patched worn carved engraved embroidered chequered glittering gleaming sparkling speckled
        mottled battered dented scratched chipped cracked splendid curious peculiar precious antique foreign homemade handsome elegant
        plain simple sturdy delicate dainty enormous oval square hexagonal slender narrow flat smooth rough fuzzy velvety
        bent bulky checked cherry-red coloured crumpled dark enamelled fragile frayed gilded hollow iridescent jewelled lacquered lopsided
        marbled mended moth-eaten olive-green pearly quaint ragged russet scarred shabby spiral stained tarnished tasselled tattered
        translucent triangular twisted unusual valuable varnished woollen wrinkled
        """);

    /// <summary>Where things are kept, lost and hidden: the preposition is part of the phrase.</summary>
    public static readonly string[] Spots = Phrases("""
        under the bench|behind the door|in the drawer|on the shelf|under the bed|in the cupboard|behind the curtain|under the table
        in the barrel|on the windowsill|beside the stove|in the hollow tree|under the stairs|behind the barn|in the tall grass
        by the gate|on the roof|in the well|under the bridge|behind the hedge|in the haystack|on the ladder|under the oak tree
        beneath the carpet|in the wardrobe|behind the piano|inside the chimney|on the mantelpiece|in the attic|in the cellar
        among the reeds|between the roots|near the fountain|behind the waterfall|under a flat rock|in the wheelbarrow|inside the trunk
        on the top step|beneath the floorboards|behind the woodpile|in the laundry basket|inside the grandfather clock
        among the cabbages|in the rose bush|under the willow|behind the beehive|in the chicken coop|inside the dovecote
        on the rafters|beside the scarecrow|in the manger|under the hay cart|behind the bookcase|in the pantry|beneath the armchair
        among the nettles|behind the tombstone|on the weathervane|inside the flour bin|in the coal scuttle|under the doormat
        behind the milk churn|in the saddlebag|among the blackberries|beneath the pier|in the rain barrel|under the veranda
        """);

    public static readonly string[] Foods = Words("""
        apples bread cheese honey plums pears cherries berries carrots nuts eggs milk butter jam biscuits buns potatoes
        strawberries raspberries blueberries blackberries gooseberries peaches apricots grapes figs dates lemons oranges melons
        pumpkins turnips onions leeks peas beans lentils cabbages radishes beetroots cucumbers tomatoes peppers mushrooms chestnuts walnuts
        hazelnuts almonds raisins oats porridge pancakes waffles dumplings noodles sausages bacon ham salmon trout herring
        custard tarts toffee fudge caramel chocolate marmalade treacle gingerbread shortbread muffins scones pretzels doughnuts
        cinnamon nutmeg vanilla rosemary parsley thyme basil peppermint saffron cream yoghurt cider lemonade cocoa
        artichokes asparagus broccoli cauliflower celery chives cranberries currants elderberries garlic ginger horseradish kale lettuce
        macaroni mulberries mustard nectarines oatcakes olives parsnips pickles popcorn prunes quinces rhubarb rice sauerkraut spinach sugar
        """);

    public static readonly string[] Plants = Words("""
        rose oak sunflower tulip daisy apple-tree lily willow bean pumpkin pine birch maple violet poppy bluebell snowdrop daffodil
        primrose lavender foxglove buttercup cornflower marigold geranium peony iris orchid hyacinth crocus honeysuckle jasmine
        ivy fern clover thistle heather holly hawthorn hazel elder beech elm ash chestnut walnut cedar spruce larch poplar
        pear-tree plum-tree cherry-tree fig-tree lemon-tree vine hollyhock snapdragon forget-me-not
        """);

    public static readonly string[] Numbers = Words("three seven five four twelve ten nine six eight twenty eleven thirty fifteen forty sixty");

    public static readonly string[] Materials = Words("wood paper straw clay stone wool wax cardboard leather cloth bamboo bark moss felt plaster wicker canvas willow-twigs");

    /// <summary>What is built: each can be outdoors and be used by two people.</summary>
    public static readonly string[] Structures = Words("""
        raft hut bridge boat treehouse swing tower fort tent bench birdhouse cart shelter castle stage well ladder fence henhouse
        greenhouse windmill snowman lighthouse kennel oven scarecrow seesaw pavilion gazebo sundial catapult waterwheel footbridge
        """);

    /// <summary>Where stories go: the preposition for being there, and the noun.</summary>
    public static readonly string[][] Locations = Forms("""
        in garden|at market|by river|in forest|on hill|at mill|by lake|in village|at school|on beach|in meadow|at harbour
        in park|at farm|by pond|in valley|at castle|on island|in orchard|by sea|at station|in library|in kitchen|at inn
        in barn|at bakery|in workshop|at lighthouse|in cave|on cliff|by stream|in stable|at chapel|in tower|on bridge|in courtyard
        at fairground|in museum|in bookshop|at theatre|by canal|in vineyard|at quarry|on moor|in marsh|at crossroads|on mountain
        in glade|by waterfall|in ruins|at monastery|in palace|at smithy|by spring|in greenhouse|on pier|at observatory|in cottage
        at windmill|in churchyard|by fountain|in thicket|on heath|in hollow|at jetty|in laundry|at playground|in schoolyard
        at boathouse|on dunes|in swamp|in maze|at sawmill|in cellar|at zoo|in circus|at dairy|in bazaar|on terrace|by lagoon
        in gorge|in canyon|at campsite|by hedgerow|in arcade|in chalet|at tavern|at toyshop|in tannery|at brewery|on plateau
        by reservoir|in conservatory|at allotment|in archway|by brook|on balcony|in ballroom|at cemetery|in clearing|at dockyard|in dormitory
        at embassy|by estuary|in gallery|at guildhall|in hayloft|at hostel|in jungle|on knoll|in menagerie|in nursery|at orphanage
        on promenade|in ravine|at rectory|on ridge|in scullery|on shore|in spinney|by weir|at wharf|in woods
        """);

    public static readonly string[] PlaceLooks = Words("""
        old quiet green sunny busy windy far little dark misty great empty stony silent shady wild cold snowy crowded
        lonely peaceful gloomy sandy mossy ancient forgotten flowery dusty muddy rocky wooded narrow winding hidden secret
        abandoned ruined enchanted bustling cheery dreary foggy frosty leafy overgrown picturesque rainy sleepy steep
        tranquil tumbledown weathered whitewashed moonlit northern southern eastern western
        barren breezy bright charming distant drowsy famous fragrant friendly grand grassy hilly humble icy lofty lovely lush magnificent
        marshy noisy pleasant remote rugged rustic shadowy sheltered slippery spacious stately swampy unknown vast
        """);

    public static readonly string[] Villages = Words("""
        Willowbrook Ashford Millbrook Oakdale Riverton Greenhill Foxley Maplewood Thornbury Applewick Birchwood Clearwater
        Dunmere Eastmoor Fernhollow Goosefeather Honeydale Inverlake Juniper Kingsbridge Larkfield Mossgate Netherby Otterford
        Pebblebay Quarryside Rosewater Saltmarsh Tanglewood Upperton Violetvale Westhaven Yarrow Bluestone Candleford Driftwood
        Emberton Fiddlersgreen Gullcliff Hollowell Icklesham Jackdaw Kittiwake Lanternhill Moonbury Nightingale Owlswick Plumstead
        """);

    /// <summary>Weather: a clause, and the noun that refers to it later.</summary>
    public static readonly string[][] Weathers = Pairs("""
        It was a sunny morning=the sun|It was raining=the rain|Snow was falling=the snow|A strong wind was blowing=the wind
        It was a foggy day=the fog|It was a hot afternoon=the heat|It was a frosty morning=the frost|Grey clouds hung low=the clouds
        There was thunder in the distance=the thunder|It was drizzling=the drizzle|Hail rattled on the roofs=the hail
        A mild breeze was blowing=the breeze|It was a bright autumn day=the falling leaves|It was bitterly cold=the cold
        A rainbow stood in the sky=the rainbow|The moon was full=the moonlight|It was a starry night=the stars|Ice covered the puddles=the ice
        """);

    public static readonly string[] Times = Phrases("""
        one morning|one day|one afternoon|one evening|one spring morning|one summer day|one autumn afternoon|one winter evening
        early one morning|late one afternoon|on a Monday|on a Tuesday|on a Wednesday|on a Thursday|on a Friday|on a Saturday|on a Sunday
        in January|in February|in March|in April|in May|in June|in July|in August|in September|in October|in November|in December
        at midnight|before breakfast|after lunch|at sunrise|at dusk|during the holidays|on the eve of the festival|in the middle of harvest
        """);

    public static readonly string[] Festivals = Phrases("""
        harvest festival|spring fair|lantern parade|midsummer dance|winter market|flower show|kite contest|boat race|singing contest
        baking contest|village wedding|birthday party|puppet show|school concert|apple fair|snow festival|cheese fair|poetry evening
        treasure hunt|sack race|pumpkin contest|juggling contest|masked ball|fireworks display|chess tournament|spelling bee|stilt race
        """);

    /// <summary>Unusual sights that a traveller passes and later talks about.</summary>
    public static readonly string[] Sights = Phrases("""
        a stork on a chimney|a broken cart|a sleeping cat|three geese in a row|a statue of a king|a field of poppies|a stone lion
        a scarecrow with a pipe|a ship with torn sails|a donkey in a hat|a carriage without wheels|a wedding procession|a tame crow
        a spider's web full of dew|a signpost with no words|an abandoned railway engine|a goat upon a shed|twin lambs|a one-legged pirate
        a snail on a mushroom|a juggler with flaming torches|a bakery van stuck in mud|a heron catching eels|a dragonfly on a lily pad
        a mole digging tunnels|a balloon above the steeple|an acrobat on stilts|a glass coach|a wishing well|a swarm of fireflies
        a rusty tractor|a bonfire|a flock of starlings|a caravan of musicians|a mermaid painted on a wall|a tortoise crossing the lane
        """);

    public static readonly string[] Secrets = Phrases("""
        the mill is haunted by a friendly ghost|a dragon once slept under the hill|the well has no bottom|the old clock runs backwards
        the king was born in a stable|gold lies under the threshold|the owl can speak|a tunnel leads to the sea|the bell rings by itself
        the moon is made of marzipan|the goose lays silver eggs|the scarecrow walks at night|the captain cannot swim|the cat understands Latin
        there is a door behind the ivy|the statue weeps in winter|the wizard lives next door|the river was once a princess
        """);

    static string[][] Pairs(string list) => [.. Phrases(list).Select(p => p.Split('='))];

    /// <summary>How a person speaks, the same for the whole story.</summary>
    public static readonly string[] Manners = Words("""
        softly cheerfully slowly quickly gently proudly shyly bravely kindly quietly loudly calmly eagerly gravely brightly warmly
        politely earnestly hoarsely merrily solemnly sweetly boldly briskly drily dreamily gaily gruffly hastily humbly joyfully
        lazily mildly modestly nervously patiently playfully sadly seriously sharply simply sleepily sternly stiffly thoughtfully
        timidly tenderly wearily wisely wistfully anxiously carefully
        """);

    /// <summary>What a person exclaims, also the same for the whole story.</summary>
    public static readonly string[] Cries = Phrases("""
        Oh dear|Good gracious|My goodness|Hurrah|Upon my word|Dear me|Well, well|Oh my|Bless my boots|Heavens above|By my whiskers
        Jumping crickets|Great pancakes|Thunder and lightning|Fiddlesticks|Goodness gracious|Holy mackerel|Great galloping geese
        Blistering barnacles|Leaping lizards|Sugar and spice|Cats and kittens|Botheration|Gosh|Golly|Crumbs|Yippee|Hip hip hooray
        Mercy me|Suffering sardines|Wonder of wonders|Snakes and ladders|Buttons and bows|Stars and stripes|Gracious goodness
        """);

    /// <summary>Ways of going, one for each traveller.</summary>
    public static readonly string[] Walks = Words("""
        walked ran hurried went skipped marched strolled rushed raced trotted wandered hopped tiptoed limped dashed crept hiked trudged
        scampered shuffled stomped bounced waddled ambled paced strode scurried plodded sauntered scuttled tramped hobbled darted
        """);

    /// <summary>What a person wears for the whole story: an adjective and a garment.</summary>
    public static readonly string[] Garments = Phrases("""
        a red cap|a straw hat|a blue coat|woollen socks|a green jacket|a yellow raincoat|big boots|a white apron|a purple dress|round glasses
        a feathered hat|a long scarf|muddy shoes|a patched shirt|a silk tie|rubber boots|a checked waistcoat|a fur collar|a knitted cardigan
        wooden clogs|a linen smock|a velvet bow|leather gloves|a tweed suit|corduroy trousers|a pleated skirt|striped stockings
        a tartan kilt|a cotton bonnet|a paper crown|silver earrings|a sailor suit|dungarees|a flannel nightgown|a top hat|suede moccasins
        """);

    /// <summary>The songs that are sung.</summary>
    public static readonly string[] Songs = Phrases("""
        The Lazy Frog|My Bonny Boat|Three Little Clouds|The Miller's Mule|Over the Rainbow Hill|The Dancing Bear|Golden Slumbers
        The Tinker's Tune|Sleep, Little Lamb|The Wandering Minstrel|Ten Merry Mice|The Jolly Pirate|Autumn Leaves|The Cuckoo Waltz
        The Rattling Wagon|Home by Candlelight|The Baker's Lament|Silver Bells|The Lonely Shepherd|Bread and Blossoms|The Turning Tide
        """);

    /// <summary>What happens overnight or on the road: the event, and the word that refers to it later.</summary>
    public static readonly string[][] Mishaps = Pairs("""
        a storm broke out=storm|the river rose=flood|a wheel came off the cart=broken wheel|the bridge was washed away=missing bridge
        the road was blocked by a fallen tree=fallen tree|the lamp went out=darkness|thick fog came up=fog|a flock of geese barred the way=geese
        the ferry had already left=ferry|it began to snow=snow|a swarm of bees flew by=bees|the bull had broken loose=bull
        the signpost pointed the wrong way=wrong signpost|a landslide covered the path=landslide|an avalanche thundered down=avalanche
        the ice began to crack=thin ice|a gust blew the tickets away=lost tickets|the horse lost a shoe=lame horse|the drawbridge was raised=drawbridge
        """);

    /// <summary>What stories are said to have taught.</summary>
    public static readonly string[] Lessons = Phrases("""
        a promise is a promise|two heads are better than one|good things take time|sharing doubles every joy|a true friend is a treasure
        every cloud has a silver lining|practice makes perfect|honesty is worth more than gold|kindness always comes back|there is no place like home
        patience brings roses|little by little one goes far|courage grows with use|who seeks will find|all is well that ends well
        many hands make light work|laughter is the best medicine|a stitch in time saves nine|curiosity opens doors|slow and steady wins the race
        """);
}
