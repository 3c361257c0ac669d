# Codes as somebody types, guesses or forges them: what is one, that no spelling
# makes a second one of it, and that backup codes are their owner's alone.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave zero erin)],
    http => 'totp_attempts 100 5m;', servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_eight%;
        server_name  localhost;
        totp         on;
        totp_digits  8;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_narrow%;
        server_name  localhost;
        totp         on;
        totp_skew    1;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_wide%;
        server_name  localhost;
        totp         on;
        totp_skew    9;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END
my $redis = $t->redis;

sub half {
    my ($user, @where) = @_;
    return $t->client(@where)->half($user);
}

sub field { my ($user, @f) = @_;
    return $redis->cmd('HGET', "totp:user:{default:$user}", @f) }

sub clear { my ($user, @f) = @_;
    return $redis->cmd('HDEL', "totp:user:{default:$user}", @f) }

# Everything may be used again, so that no test waits for the next step.

sub rewind_steps {
    my ($user) = @_;
    clear($user, qw(last_step burnt fails fails_from locks locked_until row));
    $t->otp($user)->{last} = -1 if $t->otp($user);
    return;
}

sub printable { my ($s) = @_; return substr $s =~ s/[^ -~]/?/gr, 0, 24 }


# A code keeps its noughts.  New secrets until one has such a code.

my $zero = $t->client;
my ($otp, $step);
for (1 .. 200) {
    $zero->login('zero');
    $otp = Totp::Otp->from_uri($zero->page('setup')->json->{otpauth}, skew => 3);
    my $now = $otp->step;
    ($step) = grep { $otp->code_at_step($_) =~ /^0/ } $now - 1 .. $now + 3;
    last if defined $step;
    $zero->act('logout', {});
}
my $code = $otp->code_at_step($step);
like($code, qr/^0\d{5}$/, '[attack 15] a code that begins with 0');
is_error($zero->act('setup', { code => $_ }), 401, 'bad_code',
         "[attack 15] not without it, nor with another: $_") for substr($code, 1), "0$code";
is($zero->act('setup', { code => $code })->status, 200, '[attack 15] is accepted as it is');


# Spellings that are the same code, each once.

my $alice = $t->client->ready('alice');
$otp = $t->otp('alice');
my %same = (
    'spaces' => sub { $_[0] =~ s/(...)/ $1 /gr },
    'each apart' => sub { join ' ', split //, $_[0] },
    'a hyphen' => sub { $_[0] =~ s/^(...)/$1-/r }, 'a dot' => sub { $_[0] =~ s/^(...)/$1./r },
    'hyphens around' => sub { "-$_[0]-" },
    'no-break space' => sub { $_[0] =~ s/^(...)/$1\xc2\xa0/r },
    'thin space' => sub { $_[0] =~ s/^(...)/$1\xe2\x80\x89/r },
    'narrow no-break space' => sub { $_[0] =~ s/^(...)/$1\xe2\x80\xaf/r },
    'en dash' => sub { $_[0] =~ s/^(...)/$1\xe2\x80\x93/r },
    'minus' => sub { $_[0] =~ s/^(...)/$1\xe2\x88\x92/r },
);
for my $name (sort keys %same) {
    rewind_steps('alice');
    my $code = $otp->next_code;
    my $odd = $same{$name}->($code);
    my @try = $name =~ /n/ ? ($odd, $code, $odd) : ($code, $odd, $code);
    is(half('alice')->code($try[0])->stage, 'full', "$name: a code");
    is_error(half('alice')->code($try[$_]), 401, 'code_used',
             "[attack 18] $name: no second one, $_") for 1, 2;
}


# What is none: refused, not counted, and the code is still good afterwards.

rewind_steps('alice');
my $half = half('alice');
$code = $otp->code_at_step($otp->next_step + 2);

sub digits { my ($base) = @_;
    my $s = $code =~ s/(\d)/chr($base + $1)/ger; utf8::encode($s); return $s }

my @none = ("$code\n", "\n$code", "\r\n$code", "\t$code", "$code\t", "+$code", " +$code",
    "$code,", ",$code", "$code;", "'$code'", "\"$code\"", "<$code>", "$code/", "$code\\",
    "$code\x0b", "$code\x7f", "$code\xff", "$code\xc2", "$code\xc2\xad", "\xef\xbb\xbf$code",
    "\xe2\x80\x8b$code", "$code\xe2\x80\x8b", "\xe2\x80\xae$code", "$code=", "$code&", "code$code",
    "0x$code", "${code}e0", "1e5", "1e+5", "1_2_3", "$code.0", substr($code, 0, 5),
    "${code}0", "0$code", "$code$code", "${code}123", "$code$code$code", '1' x 4096, '0' x 7000,
    substr($code, 1), '', ' ', '-', '--------', "$code or 1=1", "$code\xe2\x80", "null", "true",
    'undefined', 'NaN', '-1', '[]', '{}', '%s%s%s', '${code}', '$(id)', "$code%0a", "$code+",
    substr($code, 0, 3) . "\xe2\x80\x8b" . substr($code, 3),
    substr($code, 0, 3) . "\n" . substr($code, 3), substr($code, 0, 3) . '_' . substr($code, 3),
    (map { digits($_) } 0xff10, 0x660, 0x6f0, 0x966, 0x9e6, 0x1d7ce, 0x1d7f6, 0x2080, 0x2460),
    ($code =~ /[01]/ ? $code =~ tr/01/oi/r : ()), ($code =~ /0/ ? $code =~ tr/0/O/r : ()));
my @counted;
for my $none (@none) {
    my $r = $half->code($none);
    my $name = "[attack 18] no code: '" . printable($none) . "'";
    is_error($r, 401, 'bad_code', $name);
    push @counted, $none if field('alice', 'row');
    clear('alice', qw(row fails fails_from));
}
# "$code.0" has seven digits, twice the code twelve: neither has a shape
is_deeply(\@counted, [], '[attack 18] none of them is counted') or diag explain \@counted;
for my $bad ("$code%00", "$code%0", "$code\0", "$code&code=$code", "$code&c%6fde=1", '%zz') {
    is_error($half->request('POST', '/2fa/code', headers => [Accept => 'application/json',
            'Content-Type' => 'application/x-www-form-urlencoded'],
            body => 'csrf=' . uri_escape($half->{csrf}) . "&code=$bad"),
        400, 'bad_request', '[attack 18] no form: ' . printable($bad));
}
my @wrong = ("00$code", "${code}00", $code . substr($code, 0, 2), substr("$code$code$code", 0, 16),
             '0' x 16, '0' x 8, ("$code$code" =~ s/^(.{10})/$1abcd/r));
for my $wrong (@wrong) {
    clear('alice', qw(row fails fails_from));
    is_error($half->code($wrong), 401, 'bad_code', '[attack 18] of another length: ' . $wrong);
    is(field('alice', 'row'), 1, '[attack 18] is counted');
}
is($half->code($code)->stage, 'full', '[attack 18] after all of that the code itself is good');

# Eight digits are eight.

$t->client(port => 'eight')->ready('bob');
my $bob = $t->otp('bob');
is($bob->{digits}, 8, 'eight digits');
$half = half('bob');
$code = $bob->code_off(1);
refused($half->code($_), "[attack 18] eight digits: a part of them, $_")
    for substr($code, 2), substr($code, 0, 6), substr($code, 0, 7), "$code$code", "0$code";
is($half->code($code =~ s/^(....)/$1 /r)->stage, 'full', 'eight digits, in fours');


# A step of a wrong clock is burnt, whichever location saw it, however many were
# burnt since, and wherever it is tried later.

rewind_steps('bob');
{
    my $c = half('bob', port => 'narrow');
    $bob->settle(8);
    my $now = $bob->step;
    my @off = (-6, 6, -3, 5, 2, 8);
    my @burnt = map { $bob->code_at_step($now + $_) } @off;
    is_error($c->code($burnt[$_]), 401, 'clock_off', "step $off[$_]: the clock is off")
        for 0 .. $#off;
    $c = half('bob', port => 'wide');
    refused($c->code($burnt[$_]), "[attack 17] step $off[$_]: never accepted, nor where more are")
        for 0 .. $#off;
    is($c->code($bob->code_at_step($now + 1))->stage, 'full', 'one that was not burnt is');

    # Kept as long as they could be accepted, and no longer.

    rewind_steps('bob');
    $redis->cmd('HSET', 'totp:user:{default:bob}', 'burnt', '5 ' . ($now + 4) . ' 6');
    is_error(half('bob', port => 'narrow')->code($bob->code_at_step($now + 7)), 401,
             'clock_off', 'one more');
    is(join(' ', sort split / /, field('bob', 'burnt')), join(' ', $now + 4, $now + 7),
       'those that lie far back are forgotten');
}


# Backup codes: used ones however they are spelt, those of others, and those
# that never were any.

rewind_steps('alice');
my @codes = @{ $alice->{enrolled}{codes} };
$half = half('alice');
is($half->code($codes[0])->stage, 'full', 'a backup code');
my $used = $codes[0];
my $bare = $used =~ s/-//gr;
for my $again ($used, uc $used, $bare, uc $bare, ucfirst $used, $used =~ s/-/ /gr,
    $used =~ s/-/./gr, $used =~ s/-/\xe2\x80\x94/gr, " $used ", join('-', split //, $bare),
    $used =~ tr/01/oi/r, $used =~ tr/01/OI/r, $used =~ tr/01/oL/r, "--$used--")
{
    is_error(half('alice')->code($again), 401, 'bad_code',
             "[attack 31] a used one, spelt anew: " . printable($again));
}
clear('alice', qw(row fails fails_from locks locked_until));
for my $none ("$codes[1]0", substr($codes[1], 0, -1), $codes[1] =~ tr/-/_/r, "$codes[1]\n",
              $codes[1] =~ s/-/\xe2\x80\x8b/r, "$codes[1] $codes[2]", $codes[1] =~ s/./u/r)
{
    is_error(half('alice')->code($none), 401, 'bad_code',
             '[attack 32] no backup code: ' . printable($none));
}
is(field('alice', 'row'), undef, '[attack 32] which is not counted');
is_error(half('alice')->code($_), 401, 'bad_code', '[attack 32] one that never was')
    for '0000-0000-0000-0000', 'zzzz-zzzz-zzzz-zzzz', $codes[1] =~ s/(.)\z/$1 eq '0' ? '1' : '0'/er;

my $carol = $t->client->ready('carol');
my @theirs = @{ $carol->{enrolled}{codes} };
is_error(half('carol')->code($codes[1]), 401, 'bad_code', "[attack 32] another user's");

# Not even if somebody writes her code into his record.

my %tag = map { my $u = $_; ($u => [ grep { /^backup:/ }
                @{ $redis->cmd('HKEYS', "totp:user:{default:$u}") } ]) } qw(alice carol);
is(scalar @{ $tag{alice} }, 4, 'four are left');
$redis->cmd('HSET', 'totp:user:{default:carol}', $_, 1) for @{ $tag{alice} };
is_error(half('carol')->code($codes[$_]), 401, 'bad_code',
         "[attack 34] what Redis keeps of it is good for one user, $_") for 1 .. 4;
clear('carol', @{ $tag{alice} });
is(half('carol')->code($theirs[0])->stage, 'full', 'her own are good');
my $dump = $redis->dump;
is($t->leaks($dump, skip => ['code']), 0, '[attack 34] no code nor secret is in Redis')
    or diag $t->leaks($dump, skip => ['code']);
is(scalar(grep { my $c = $_ =~ s/-//gr; $dump =~ /\Q$c/i } @codes, @theirs), 0,
   '[attack 34] in any case');

# None left.

for my $n (1 .. 4) { is(half('alice')->code($codes[$n])->stage, 'full', "code $n") }
is(scalar(grep { /^backup:/ } @{ $redis->cmd('HKEYS', 'totp:user:{default:alice}') }), 0,
   'none is left');
for my $none ('', '0', '0000-0000-0000-0000', @codes) {
    is_error(half('alice')->code($none), 401, 'bad_code', '[attack 32] then nothing is one: '
             . printable($none));
}
rewind_steps('alice');
is(half('alice')->code($otp->next_code)->stage, 'full', 'but a code of the app');

$t->finish;

done_testing;
