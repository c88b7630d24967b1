using System.Text;
using TransformerCli;

// UTF-8 without a byte-order mark, whatever the locale: scripts read the results.
var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
using var output = new StreamWriter(Console.OpenStandardOutput(), utf8) { AutoFlush = true };
using var error = new StreamWriter(Console.OpenStandardError(), utf8) { AutoFlush = true };
using var input = new StreamReader(Console.OpenStandardInput(), utf8);
return App.Run(args, input, output, error);
