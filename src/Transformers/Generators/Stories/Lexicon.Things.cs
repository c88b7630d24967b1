namespace Transformers.Generators.Stories;

static partial class Lexicon
{
    /// <summary>Things that a child can carry.</summary>
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

    /// <summary>What one builds with.</summary>
    public static readonly string[] Tools = Words("hammer saw spade axe shovel chisel mallet drill trowel ladder wheelbarrow pickaxe crowbar hatchet workbench vice");

    /// <summary>What water is fetched in.</summary>
    public static readonly string[] Vessels = Words("watering-can bucket jug pitcher cup kettle bowl mug bottle teapot goblet saucepan pail flask basin");

    /// <summary>What things look like; any of them fits any thing.</summary>
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

    /// <summary>Where things are kept, lost and hidden: the preposition belongs to the place.</summary>
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

    /// <summary>What is built: every one can stand in the open and be used by two.</summary>
    public static readonly string[] Structures = Words("""
        raft hut bridge boat treehouse swing tower fort tent bench birdhouse cart shelter castle stage well ladder fence henhouse
        greenhouse windmill snowman lighthouse kennel oven scarecrow seesaw pavilion gazebo sundial catapult waterwheel footbridge
        """);
}
