using Transformers.Data.Series;
using Transformers.IO;

namespace Transformers.Tests.Data.Series;

public sealed class SeriesTableTests : IDisposable
{
    readonly TempFolder folder = new();

    public void Dispose() => folder.Dispose();

    SeriesTable Read(string text, string? time = null, string[]? columns = null, string name = "a.csv")
    {
        folder.Write(name, text);
        return SeriesTable.Read(new SeriesFileConfig { Path = folder[name], Time = time, Columns = columns });
    }

    string Message(string text, string? time = null, string[]? columns = null) => Assert.Throws<UserException>(() => Read(text, time, columns)).Message;

    [Fact]
    public void A_column_is_a_series_and_a_missing_value_is_not_a_number()
    {
        var table = Read("date,load,\"price, net\"\n2024-01-01,1,10\n2024-01-02,NA,11.5\n2024-01-03,,1e1\n");
        Assert.Equal(["load", "price, net"], table.Names);
        Assert.Equal([1, double.NaN, double.NaN], table.Values[0]);
        Assert.Equal([10, 11.5, 10], table.Values[1]);
        Assert.Equal("2024-01-04", table.Time.LabelOf(3));
    }

    [Fact]
    public void Months_are_of_different_lengths_and_still_one_step()
    {
        var table = Read("month,x\n2023-11,1\n2023-12,2\n2024-01,3\n2024-02,4\n");
        Assert.Equal(4, table.Length);
        Assert.Equal("2024-03-01", table.Time.LabelOf(4));
    }

    [Fact]
    public void Stamps_end_with_the_last_year_that_there_is()
    {
        Assert.Equal("9999-01-01", Read("date,x\n2024-01-01,1\n9000-01-01,2\n").Time.LabelOf(9));
        Assert.Equal("9999-01-01", Read("date,x\n9998-12-30,1\n9998-12-31,2\n").Time.LabelOf(9));
    }

    [Fact]
    public void A_row_that_is_left_out_is_a_step_without_values()
    {
        var table = Read("date,x\n2024-01-01,1\n2024-01-02,2\n2024-01-05,5\n");
        Assert.Equal([1, 2, double.NaN, double.NaN, 5], table.Values[0]);
        Assert.Equal("2024-01-06", table.Time.LabelOf(5));
    }

    [Fact]
    public void Rounded_numbers_of_a_year_are_at_equal_distances()
    {
        var table = Read("\"time\",\"value\"\n1949,112\n1949.08333333333,118\n1949.16666666667,132\n1949.25,129\n");
        Assert.Equal([112, 118, 132, 129], table.Values[0]);
        Assert.Equal("1949.333333", table.Time.LabelOf(4));
    }

    [Fact]
    public void A_table_needs_no_names_and_no_times()
    {
        var table = Read("1\t2\n3\t4\n", name: "a.tsv");
        Assert.Equal(["1", "2"], table.Names);
        Assert.Equal([2, 4], table.Values[1]);
        Assert.Equal("2", table.Time.LabelOf(2));
    }

    [Fact]
    public void Columns_can_be_chosen()
    {
        var table = Read("when,a,b,c\nx,1,2,z\ny,3,4,z\n", columns: ["b", "a"]);
        Assert.Equal(["b", "a"], table.Names);
        Assert.Equal([2, 4], table.Values[0]);
    }

    [Theory]
    [InlineData("date,x\n2024-01-01,1\n2024-01-02,many\n", "a.csv:3: 'many' in column 'x' is not a number")]
    [InlineData("date,x\n2024-01-02,1\n2024-01-01,2\n", "a.csv:3: the timestamp '2024-01-01' must be after that of the previous row (2024-01-02)")]
    [InlineData("date,x\n2024-01-01,1\nsoon,2\n", "a.csv:3: 'soon' is not a timestamp")]
    [InlineData("time,x\n0,1\n1,2\n2.5,3\n", "a.csv:4: the timestamp '2.5' is 1.5 steps after that of the previous row")]
    [InlineData("time,x\n0,1\n1,2\n90000000,3\n", "a.csv:4: 89999998 steps are missing before the timestamp '90000000'")]
    [InlineData("x,y\n1,2\n3\n", "a.csv:3: the line has 1 columns, but the first line has 2")]
    [InlineData("x\n1\n\n3\n", "a.csv:3: the line is blank (write NA for a missing value)")]
    [InlineData("x\n1e31\n", "a.csv:2: the value 1e31 in column 'x' must be between -1e30 and 1e30")]
    [InlineData("x,y\n", "a.csv: the table has names but no values")]
    [InlineData("", "a.csv: the table has no rows")]
    public void A_table_that_is_wrong_says_where(string text, string message) => Assert.Contains(message, Message(text));

    [Fact]
    public void A_column_that_is_not_there_is_named_with_those_that_are()
    {
        Assert.Contains("no column named 'z' (the columns are 'x', 'y')", Message("x,y\n1,2\n", columns: ["z"]));
        Assert.Contains("no column named 'when'", Message("x,y\n1,2\n", time: "when"));
    }

    [Fact]
    public void Damaged_tables_are_read_or_refused_in_bounded_memory()
    {
        byte[][] seeds =
        [
            "date,load,\"price, net\"\n2024-01-01,1,10\n2024-01-02,NA,11.5\n2024-01-03,,1e1\n"u8.ToArray(),
            "\"time\",\"value\"\n1949,112\n1949.08333333333,118\n1949.16666666667,132\n1949.25,129\n"u8.ToArray(),
            "1,2\n3,4\n5,-6.5\n"u8.ToArray(),
        ];
        var path = folder["mutant.csv"];
        var accepted = Mutants.Read(Mutants.Count / 2, seeds, bytes =>
        {
            File.WriteAllBytes(path, bytes);
            var table = SeriesTable.Read(new SeriesFileConfig { Path = path });
            Assert.All(table.Values, values => Assert.All(values, value => Assert.True(double.IsNaN(value) || Math.Abs(value) <= 1e30)));
            Assert.NotNull(table.Time.LabelOf(table.Length + 5));
        }, 1 << 20);
        Assert.InRange(accepted, Mutants.Count / 100, Mutants.Count / 2);
    }
}
