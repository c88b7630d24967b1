namespace Transformers.Generators.Stories;

static partial class Lexicon
{
    /// <summary>Where stories go: the preposition of staying there and the noun.</summary>
    public static readonly string[][] Places = Forms("""
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

    /// <summary>Weather: how it was, and the noun that recalls it.</summary>
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

    /// <summary>Fancy sights that a traveller passes and later tells of.</summary>
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
}
