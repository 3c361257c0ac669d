package Totp::Faults;

# What can be wrong with an answer of Redis.  Each fault is a hash: name, rule
# (options of Totp::FakeRedis' rule), and what becomes of the connection:
#
#   keep     an error that says nothing against the connection
#   drop     this is not the Redis that can serve us, or not our answer
#   lost     that is not RESP, or more of it than anybody should take
#   gone     closed by Redis
#   silent   no answer in time

use strict;
use warnings;

use Exporter 'import';

use Totp::FakeRedis;

our @EXPORT = qw(faults some_faults errors types lengths garbage cuts silences);


sub faults {
    return (errors(), types(), lengths(), garbage(), cuts(), silences());
}


# For the n-th of many places: what is not RESP, or ends in the middle, is found
# out before anybody looks whose answer it is.  So each place gets a third of
# these, another one than its neighbours, and all of the rest.  TOTP_FAULTS=all
# gives all to each.

sub some_faults {
    my ($n) = @_;

    return faults() if ($ENV{TOTP_FAULTS} || '') eq 'all';

    my @wire = (lengths(), garbage(), cuts());

    return (errors(), types(), silences(),
            @wire[ grep { $_ % 3 == $n % 3 } 0 .. $#wire ]);
}


sub fault {
    my ($name, $then, @rule) = @_;

    return { name => $name, then => $then, rule => [@rule] };
}


# Every class of error, one that nobody has heard of, and none at all.

sub errors {
    my %text = (
        NOSCRIPT => 'No matching script. Please use EVAL.',
        LOADING => 'Redis is loading the dataset in memory',
        BUSY => 'Redis is busy running a script.',
        READONLY => "You can't write against a read only replica.",
        OOM => "command not allowed when used memory > 'maxmemory'.",
        MISCONF => 'Errors writing to the AOF file',
        NOAUTH => 'Authentication required.',
        WRONGPASS => 'invalid username-password pair',
        NOPERM => "User has no permissions to run this command",
        MOVED => '3999 127.0.0.1:6381', ASK => '3999 127.0.0.1:6381',
        TRYAGAIN => 'Multiple keys request during rehashing of slot',
        CLUSTERDOWN => 'The cluster is down',
        CROSSSLOT => "Keys in request don't hash to the same slot",
        MASTERDOWN => 'Link with MASTER is down',
        NOREPLICAS => 'Not enough good replicas to write.',
        WRONGTYPE => 'Operation against a key', ERR => 'syntax error',
        UNKILLABLE => 'Sorry', QUITE => 'new to us',
    );
    my %drop = map { ($_ => 1) } qw(READONLY NOAUTH MOVED ASK MASTERDOWN);

    return ((map { fault($_, $drop{$_} ? 'drop' : 'keep',
                         reply => r_error("$_ $text{$_}")) } sort keys %text),
            fault('an empty error', 'keep', reply => r_error('')),
            fault('an error of many bytes', 'keep',
                  reply => r_error('E' x 70_000)));
}


# Sound RESP of another kind than asked for.

sub types {
    my @types = (
        ['a status', r_status('OK')], ['PONG', r_status('PONG')],
        ['a bulk', 'ok'], ['an empty bulk', ''], ['an integer', r_integer(1)],
        ['a negative integer', r_integer(-1)], ['nil', r_nil],
        ['a nil array', r_nil_array], ['an empty array', []],
        ['an array of integers', [ r_integer(1), r_integer(1) ]],
        ['an array of nils', [ undef, undef, undef ]],
        ['an array with an error', [ r_error('ERR no'), 'x' ]],
        ['arrays in arrays', [ [ [ 'ok' ], 'ok' ], [ 'ok' ] ]],
        ['an answer without its mark', [ 'ok', r_integer(1), r_integer(1) ]],
        ['an answer to another', [ '0123456789abcdef',
            [ 'ok', r_integer(1), r_integer(1), r_integer(0) ] ]],
        ['a mark that is an integer', [ r_integer(1), [ 'ok' ] ]],
    );

    return map { fault($_->[0], 'drop', reply => $_->[1]) } @types;
}


# Numbers that nobody should believe, and nothing behind them.

sub lengths {
    my @texts = (
        ['a bulk of -5', "\$-5\r\n"], ['a bulk of 1 GB', "\$1073741824\r\n"],
        ['a bulk of 2 GB', "\$2147483648\r\n"],
        ['a bulk of 2^63 - 1', "\$9223372036854775807\r\nx"],
        ['a bulk of 10^20', "\$99999999999999999999\r\n"],
        ['a bulk of just too much', "\$1048577\r\n"],
        ['a bulk without a number', "\$\r\n\r\n"],
        ['a bulk of +1', "\$+1\r\nx\r\n"],
        ['a bulk of x', "\$x\r\n"],
        ['an array of -5', "*-5\r\n"], ['an array of 10^9', "*1000000000\r\n"],
        ['an array of 2^31 - 1', "*2147483647\r\n"],
        ['an array of 2^32', "*4294967296\r\n"],
        ['an array of just too many', "*65537\r\n"],
        ['arrays of many in arrays', "*65536\r\n" x 12],
        ['an integer of 20 digits', ":99999999999999999999\r\n"],
        ['an integer of 400 digits', ':' . ('9' x 400) . "\r\n"],
        ['an integer of nothing', ":\r\n"], ['an integer of 1.5', ":1.5\r\n"],
        ['nesting', r_nested(100_000)->[0]],
    );

    return map { fault($_->[0], 'lost', reply => r_raw($_->[1])) } @texts;
}


sub garbage {
    my @texts = (
        ['HTTP', "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"],
        ['HTML', "<html><body>502 Bad Gateway</body></html>\r\n"],
        ['a TLS alert', "\x15\x03\x03\x00\x02\x02\x46"],
        ['NULs', "\0" x 64], ['an empty line', "\r\n"],
        ['an inline command', "PING\r\n"],
        ['line feeds alone', "+OK\n\$2\nok\n\r\n"],
        ['bytes', join '', map { chr($_ * 37 % 256) } 1 .. 256],
        ['a bulk that ends otherwise', "\$2\r\nokXX\r\n"],
        ["RESP3's null", "_\r\n"], ["RESP3's truth", "#t\r\n"],
        ["RESP3's double", ",1.5\r\n"], ["RESP3's map", "%1\r\n+a\r\n+b\r\n"],
        ["RESP3's set", "~1\r\n+a\r\n"], ["RESP3's push", ">1\r\n+a\r\n"],
        ["RESP3's big number", "(12345678901234567890\r\n"],
        ["RESP3's verbatim", "=6\r\ntxt:ok\r\n"],
        ["RESP3's error", "!3\r\nERR\r\n"],
    );

    return map { fault($_->[0], 'lost', reply => r_raw($_->[1])) } @texts;
}


# The end of the connection, at each kind of place of an answer.

sub cuts {
    my $answer = "*2\r\n\$4\r\nabcd\r\n*2\r\n\$2\r\nok\r\n:1\r\n";

    return (fault('closed instead', 'gone', reply => r_nil, close => 'before'),
            map { fault("closed after $_ bytes", 'gone',
                        reply => r_raw($answer), half => $_) }
                1, 2, 4, 5, 8, 10, 13, 16, 20, 24, length($answer) - 1);
}


sub silences {
    return (fault('stalled', 'silent', reply => r_nil, stall => 1),
            fault('half, then stalled', 'silent',
                  reply => r_raw("*2\r\n\$16\r\n0123")));
}


1;
