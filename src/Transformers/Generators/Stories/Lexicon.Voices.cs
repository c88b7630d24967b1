namespace Transformers.Generators.Stories;

static partial class Lexicon
{
    /// <summary>How somebody speaks; it stays with the person for the whole story.</summary>
    public static readonly string[] Manners = Words("""
        softly cheerfully slowly quickly gently proudly shyly bravely kindly quietly loudly calmly eagerly gravely brightly warmly
        politely earnestly hoarsely merrily solemnly sweetly boldly briskly drily dreamily gaily gruffly hastily humbly joyfully
        lazily mildly modestly nervously patiently playfully sadly seriously sharply simply sleepily sternly stiffly thoughtfully
        timidly tenderly wearily wisely wistfully anxiously carefully
        """);

    /// <summary>What somebody exclaims; it stays with the person too.</summary>
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

    /// <summary>What is worn all story long: an adjective and a garment.</summary>
    public static readonly string[] Garments = Phrases("""
        a red cap|a straw hat|a blue coat|woollen socks|a green jacket|a yellow raincoat|big boots|a white apron|a purple dress|round glasses
        a feathered hat|a long scarf|muddy shoes|a patched shirt|a silk tie|rubber boots|a checked waistcoat|a fur collar|a knitted cardigan
        wooden clogs|a linen smock|a velvet bow|leather gloves|a tweed suit|corduroy trousers|a pleated skirt|striped stockings
        a tartan kilt|a cotton bonnet|a paper crown|silver earrings|a sailor suit|dungarees|a flannel nightgown|a top hat|suede moccasins
        """);

    /// <summary>The songs that are sung, and sung again.</summary>
    public static readonly string[] Songs = Phrases("""
        The Lazy Frog|My Bonny Boat|Three Little Clouds|The Miller's Mule|Over the Rainbow Hill|The Dancing Bear|Golden Slumbers
        The Tinker's Tune|Sleep, Little Lamb|The Wandering Minstrel|Ten Merry Mice|The Jolly Pirate|Autumn Leaves|The Cuckoo Waltz
        The Rattling Wagon|Home by Candlelight|The Baker's Lament|Silver Bells|The Lonely Shepherd|Bread and Blossoms|The Turning Tide
        """);

    /// <summary>What happens overnight or on the road: the event, and the word that names it later.</summary>
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
