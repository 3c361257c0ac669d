# Cookies again: every bit of one, every respelling, names over HTTP/2; and what
# somebody could do who has the keyring but not the right times: sessions are
# signed here as the module signs them (t/unit/test_session.c has the format).

use Totp::Test;
use Digest::SHA qw(hmac_sha256);
use MIME::Base64 ();

my $t = Totp::Test->new(users => [qw(alice bob)], start => 0,
    defaults => { cookie => 'totp_cookie totp secure=off;' }, servers => <<'END');
    ssl_certificate      %DIR%/cert.pem;
    ssl_certificate_key  %DIR%/key.pem;

    server {
        listen       127.0.0.1:%PORT_host% ssl http2;
        server_name  localhost;
        totp         on;
        totp_cookie  __Host-totp;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_staff%;
        server_name  localhost;
        totp         on;
        totp_realm   staff;
        totp_cookie  totp secure=off;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

system(join ' ', tool('openssl'), qw(req -x509 -newkey ec -pkeyopt
       ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -batch),
       '-keyout', "$t->{dir}/key.pem", '-out', "$t->{dir}/cert.pem",
       '2>/dev/null') == 0 or die 'openssl made no certificate';

my $key = random_bytes(32);
my $other = random_bytes(32);
$t->keyring(k1 => $key);
$t->node->start;

my $alice = $t->client->ready('alice');
my $good = $alice->cookie;
through($alice->get('/x'), 'the cookie as it is');
$t->app->reset;

sub unbase { my ($s) = @_; $s =~ tr{-_}{+/};
    return MIME::Base64::decode_base64($s . '=' x (-length($s) % 4)) }

# The answers to GET /x with these cookies; what was not refused, by name.

sub passed {
    my ($client, @values) = @_;
    my %bad;
    while (my @batch = splice @values, 0, 100) {
        my @r = Totp::Client->fire([ map { [$client, $client->build('GET', '/x',
            cookies => 0, headers => [Cookie => $_])] } @batch ]);
        for (0 .. $#r) {
            $bad{ $batch[$_] } = $r[$_]->status if $r[$_]->status != 401;
        }
    }
    return \%bad;
}


# Each bit of what is in it.

my $bytes = unbase($good);
is(b64url($bytes), $good, 'it is written in one way only');
my @flipped = map {
    my $v = $bytes;
    vec($v, $_, 1) ^= 1;
    'totp=' . b64url($v);
} 0 .. 8 * length($bytes) - 1;
is_deeply(passed($alice, @flipped), {},
          '[attack 2] each of ' . scalar(@flipped) . ' bits matters');
is_deeply(passed($alice, map { 'totp=' . b64url(substr $bytes, 0, $_) }
                         0 .. length($bytes) - 1), {}, '[attack 2] each byte cut off');
is_deeply(passed($alice, map { 'totp=' . b64url($bytes . $_) } "\0", "\0" x 3, 'x',
                         substr($bytes, 0, 32), $bytes), {}, '[attack 2] more after it');
is_deeply(passed($alice, map { 'totp=' . b64url(substr $bytes, $_) } 1 .. 40), {},
          '[attack 2] less before it');

my @odd = ('', 'x', '0' x 24, "\"$good\"", '=', '==', 'null', 'undefined', '0', '1',
    'deleted', 'AAAA', '%00', "$good%00", "$good\xff", 'A' x 699, 'A' x 700, 'A' x 701,
    'A' x 6000, b64url("\0" x 32), b64url("\1\0" . "\0" x 100), b64url("\1\2k1"),
    b64url("\1\2k1" . "\0" x 32), b64url("\1\377" . 'k' x 255), b64url("\2" . substr $bytes, 1));
is_deeply(passed($alice, map { "totp=$_" } @odd), {}, '[attack 1] what is no session');
my $r = $alice->request('GET', '/x', cookies => 0,
                        headers => [Cookie => 'totp=' . 'A' x 65536]);
is($r->status, 400, '[attack 1] 64 KiB are too much for nginx');


# Respellings, before and after it was revoked.

sub respelt {
    my ($v) = @_;
    my @last = grep { $_ ne substr $v, -1 } 'A' .. 'Z', 'a' .. 'z', 0 .. 9, '-', '_';
    (my $std = $v) =~ tr{-_}{+/};
    return ("$v=", "$v==", "$v=x", "$v=$v", "$v ,", "$v,", "$v.", "$v\t", "\t\"$v", "$v;",
            ($std ne $v ? $std : ()), "$v%3D", "${v}A", "${v}AA", "${v}AAAA", "\$$v",
            substr($v, 0, 10) . ' ' . substr($v, 10), substr($v, 0, 10) . '=' . substr($v, 10),
            substr($v, 0, 10) . '%' . substr($v, 10),
            map { substr($v, 0, -1) . $_ } @last);
}

# white space around a value and a semicolon after it are no part of it
my %same = map { ("totp=$good$_" => 200) } "\t", ';';
is_deeply(passed($alice, map { "totp=$_" } respelt($good)), \%same,
          '[attack 3] respellings of a good one');
my $out = $t->client;
$out->sign_in('alice');
my $gone = $out->cookie;
is($out->act('logout', {})->status, 200, 'signed out');
is_deeply(passed($alice, map { "totp=$_" } $gone, respelt($gone)), {},
          '[attack 3] a revoked one stays so, however it is spelt');
$t->app->reset;


# Names, and how often, over HTTP/1.1 and HTTP/2.

my @no = (["totp=$good; totp=$good"], ["totp=$good; totp=x"], ["totp=x; totp=$good"],
    ["totp=$good", 'totp=x'], ['totp=x', "totp=$good"], ["totp=$good", "totp=$good"],
    ["totp=; totp=$good"], ["totp=$good; totp="], ["a=1; totp=$good", "b=2; totp=$good"],
    ["TOTP=$good"], ["Totp=$good"], ["totp =$good"], ["totp\t=$good"], ["__Host-totp=$good"],
    ["__Secure-totp=$good"], ["__host-totp=$good"], ["__HOST-TOTP=$good"], ["xtotp=$good"],
    ["totp-staff=$good"], ["totp-default=$good"], ["\$Version=1; x=\"; totp=$good\""],
    ["a=1,totp=$good"], ["a=1 totp=$good"], ["a=1&totp=$good"], ["t%6ftp=$good"],
    ["totp%20=$good"], ["totp\xc2\xa0=$good"], ["totp:$good"], ["totp==$good"], ["=totp=$good"],
    ["totp[]=$good"], ["totp.0=$good"]);
my $bare = $t->client;
is_deeply([ map { $$_[1] != 401 ? $$_[0] : () } map { my @v = @$_;
    [join(' | ', @v), $bare->request('GET', '/x', headers =>
     [map { (Cookie => $_) } @v])->status] } @no ], [],
    '[attack 9] names that only look alike, and any name twice');
is($bare->request('GET', '/x', headers => [cookie => "totp=$good"])->status, 200,
   'the header may be written in any case');

{
    my $host = $t->client(port => 'host', tls => 1);
    $host->sign_in('alice');
    my $value = $host->cookie('__Host-totp');
    my $curl = tool('curl');
    my $url = 'https://127.0.0.1:' . $t->node->port('host') . '/x';
    my @try = (["__Host-totp=$value"], ["a=1", "__Host-totp=$value", "b=2"],
        ["__Host-totp=$value; __Host-totp=x"], ["__Host-totp=$value", "__Host-totp=x"],
        ["__Host-totp=x", "__Host-totp=$value"], ["__Host-totp=$value", "__Host-totp=$value"],
        ["__HOST-totp=$value"], ["__host-totp=$value"], ["__Host-totp =$value"], ["totp=$value"],
        ["__Secure-totp=$value"], ["__Host-TOTP=$value"], ["__Host-totp=x; __host-totp=$value"],
        ["__Host-totp", "=$value"], ["__Host-totp=", $value], ["__Host-totp=$value="]);
    my $file = spew("$t->{dir}/curl", join "next\n", map { my $c = $_;
        "http2\ninsecure\nsilent\nmax-time = 60\nurl = \"$url\"\noutput = \"/dev/null\"\n"
        . "write-out = \"%{http_version} %{http_code}\\n\"\n"
        . join '', map { "header = \"cookie: $_\"\n" } @$c } @try);
    my @got = split /\n/, `$curl -K $file`;
    is_deeply(\@got, [ ('2 200') x 2, ('2 401') x (@try - 2) ],
              '[attack 9] the same over HTTP/2, in crumbs and whole') or diag explain \@got;
    $t->app->reset;

    # A session is of its realm, not of its cookie's name.
    is($bare->request('GET', '/x', headers => [Cookie => "totp=$value"])->status, 200,
       'two names of one realm: the same people');
    my $staff = $t->client(port => 'staff');
    is($staff->request('GET', '/x', headers => [Cookie => "totp=$good"])->status, 401,
       '[attack 6] one name of two realms: other people');
    ok(!(grep { $_->{raw} =~ /\Q$value/ } $t->app->requests),
       'and none of it went to the application');
}


# With the keyring, or a part of it.

sub derive { my ($k, $info) = @_;
    return hmac_sha256("$info\1", hmac_sha256($k, "\0" x 32)) }

sub fields {
    my ($v) = @_;
    my ($version, $id, $stage, $method, $sid, @rest) =
        unpack 'C C/a C C a16 Q> Q> Q> Q> Q> a8 C/a C/a', unbase($v);
    my %f = (version => $version, id => $id, stage => $stage, method => $method, sid => $sid);
    @f{qw(issued checked renewed expires epoch fp realm user)} = @rest;
    return %f;
}

sub signed {
    my ($f, %o) = @_;
    my $payload = pack 'C C/a C C a16 Q> Q> Q> Q> Q> a8 C/a C/a',
        @$f{qw(version id stage method sid issued checked renewed expires epoch fp realm user)};
    $payload .= $o{tail} if defined $o{tail};
    $payload = $o{payload} if defined $o{payload};
    return b64url($payload . hmac_sha256($payload, $o{with} || derive($key, 'totp session')));
}

my %f = fields($good);
is($f{user}, 'alice', 'read: the user');
is(signed(\%f), $good, 'signed here: the same');

my $now = $t->redis->cmd('TIME')->[0];
my $day = 86400;
my %who = (%f, sid => random_bytes(16), issued => $now, checked => $now, renewed => $now,
           expires => $now + 7200);
is_deeply(passed($alice, 'totp=' . signed(\%who)), { 'totp=' . signed(\%who) => 200 },
   'one of our own making is good');
$t->app->reset;

sub answer { my ($over, %o) = @_;
    return $alice->request('GET', '/x', cookies => 0, headers => [
        Accept => 'application/json', Cookie => 'totp=' . signed({ %who, %$over }, %o)]) }

for my $case (
    ['it has ended', { issued => $now - 50, expires => $now - 1 }, 'expired'],
    ['it ends now', { issued => $now - 50, expires => $now }, 'expired'],
    ['not used for too long', { renewed => $now - 1801 }, 'expired'],
    ['older than any may get, though it says otherwise',
     { issued => $now - $day, expires => $now + $day }, 'expired'],
    ['for ever', { issued => $now - 43201, expires => 2 ** 62 }, 'expired'],
    ['issued in an hour', { issued => $now + 3600, expires => $now + 7200 }, 'login_required'],
    ['issued at the end of time', { issued => 2 ** 62, expires => 2 ** 62 + 1 },
     'login_required'],
    ['ending before it began', { issued => $now, expires => $now - 10 }, 'login_required'],
    ['all ones', { map { ($_ => 18446744073709551615) } qw(issued checked renewed expires) },
     'login_required'],
    ['all noughts', { map { ($_ => 0) } qw(issued checked renewed expires) }, 'login_required'],
    ['another password', { fp => "\0" x 8 }, 'expired'],
    ['nobody of the file', { user => 'zoe' }, 'expired'],
    ['somebody else with this password', { user => 'bob' }, 'expired'],
    ['another realm', { realm => 'staff' }, 'login_required'],
    ['no realm', { realm => '' }, 'login_required'],
    ['no name', { user => '' }, 'login_required'],
    ['an earlier epoch', { epoch => 0 }, 'login_required', 'disable'],
    ['stage none', { stage => 0 }, 'login_required'],
    ['stage none, no name', { stage => 0, user => '' }, 'login_required'],
    ['stage password', { stage => 1 }, 'code_required'],
    ['a stage that is none', { stage => 3 }, 'login_required'],
    ['a stage of 255', { stage => 255 }, 'login_required'],
    ['a method that is none', { method => 3 }, 'login_required'],
    ['no second factor', { method => 0 }, 'setup_required'],
    ['another version', { version => 2 }, 'login_required'],
    ['version nought', { version => 0 }, 'login_required'],
    ['another key id', { id => 'k2' }, 'login_required'],
    ['no key id', { id => '' }, 'login_required'],
) {
    my ($name, $over, $word, $first) = @$case;
    if ($first) {
        # something that ends sessions: only later epochs count from then on
        is($out->sign_in('alice')->stage, 'full', 'signed in');
        is($out->act('logout', { everywhere => 1 })->status, 200, 'everywhere');
        $who{epoch} = $t->redis->cmd('HGET', 'totp:user:{default:alice}', 'epoch');
        ok(wait_until(sub { answer({ epoch => $who{epoch} - 1 })->status == 401 }, 5),
           'the epoch before is over');
        is(answer({})->status, 200, 'this one is not');
        $t->app->reset;
    }
    is_error(answer($over), 401, $word, "[attack 8] signed rightly, but $name");
}
for my $case (
    ['the raw key', $key], ['the forms\' key', derive($key, 'totp csrf')],
    ['the sealing key', derive($key, 'totp seal')],
    ['the backup codes\' key', derive($key, 'totp backup')],
    ['no purpose', derive($key, '')], ['another key', derive($other, 'totp session')],
    ['an empty key', ''],
) {
    my ($name, $with) = @$case;
    is_error(answer({}, with => $with eq '' ? "\0" : $with), 401, 'login_required',
             "[attack 4] [attack 8] signed with $name");
}
is_error(answer({}, tail => $_), 401, 'login_required', '[attack 8] signed with a tail')
    for "\0", 'x', "\5admin";
is_error(answer({}, payload => substr(unbase(signed(\%who)), 0, $_)), 401, 'login_required',
         "[attack 8] signed, $_ bytes of it") for 0, 1, 2, 4, 6, 22, 70, 80, 90;
is($t->app->hits, 0, 'none of them reached the application');


# Tokens, secrets and tags are no cookies; nor is one stage another's.

my $half = $t->client;
$half->login('alice');
my $visitor = $t->client;
$visitor->page('login');
my $bob = $t->client;
$bob->login('bob');
$bob->page('setup');
my @values = ($alice->{csrf}, $half->{csrf}, $visitor->{csrf}, $half->cookie, $visitor->cookie,
    $bob->cookie, @{ $alice->{enrolled}{codes} }, $alice->{enrolled}{secret},
    map { ref $_ ? @$_ : $_ } @{ $t->redis->cmd('HGETALL', 'totp:user:{default:alice}') },
    map { $t->redis->cmd('GET', $_) } $t->redis->keys('totp:pending*'));
cmp_ok(scalar @values, '>', 20, scalar(@values) . ' values from elsewhere');
is_deeply(passed($alice, map { "totp=$_" } @values), {},
          '[attack 4] nothing that was made for something else is a session');
is($t->app->hits, 0, 'nor reaches the application');


# A pre-session that was planted: nothing of it is left after signing in.

for my $planted ([visitor => $visitor->cookie], [half => $half->cookie],
                 [full => $alice->cookie], [forged => 'x' x 100])
{
    my ($name, $value) = @$planted;
    my $victim = $t->client;
    $victim->{jar}{totp} = $value;
    $victim->page('login');
    is($victim->login('bob')->stage, 'full', "[attack 10] planted $name: signs in");
    my %now = fields($victim->cookie);
    isnt($victim->cookie, $value, "[attack 10] planted $name: another value");
    ok($name eq 'forged' || { fields($value) }->{sid} ne $now{sid},
       "[attack 10] planted $name: another session");
    my $attacker = $t->client;
    $attacker->{jar}{totp} = $value;
    isnt($attacker->page('settings')->json->{user} || '', 'bob',
         "[attack 10] planted $name: gained nothing");
}

$t->finish;

done_testing;
