using System.Text;
using TransformerCli;
using TransformerCli.Output;

// UTF-8 without a byte-order mark in every locale, since scripts read the results.
var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
var output = new StreamWriter(StandardStream.OpenOutput(), utf8) { AutoFlush = true };
var error = new StreamWriter(StandardStream.OpenError(), utf8) { AutoFlush = true };
using var input = new StreamReader(Console.OpenStandardInput(), utf8);
return App.Run(args, input, output, error);
