# Journey 1: enabling two-factor authentication.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin frank gina)],
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_stale%;
        server_name  localhost;
        totp         on;
        totp_fresh   1s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_issuer%;
        server_name  gate.example;
        totp         on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_vars%;
        server_name  vars.example;
        totp         on;
        totp_issuer  "A & B: $server_name";
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my $alice = $t->client;
my $r = $alice->login('alice', undef, next => '/x');
is($r->stage, 'full', 'without a second factor: full');
$r = $alice->page('settings');
is($r->status, 200, 'settings');
ok(!$r->json->{enabled}, 'not enabled');
ok($r->json->{required}, 'but required');
is($r->json->{user}, 'alice', 'user');
ok(exists $r->json->{events}, 'events');

# The pending secret.

my $setup = $alice->page('setup');
is($setup->status, 200, 'setup');
my $j = $setup->json;
like($j->{secret}, qr/^[A-Z2-7]{32}$/, '160 bits of base32');
my $uri = $j->{otpauth};
like($uri, qr{^otpauth://totp/}, 'otpauth');
is(scalar(my @s = $uri =~ /[?&]secret=/g), 1, 'one secret in it');
like($uri, qr/[?&]secret=\Q$j->{secret}\E(?:&|$)/, 'which is the same');
like($uri, qr/[?&]issuer=Example(?:%20)Corp(?:&|$)/, 'the issuer');
like($uri, qr{^otpauth://totp/Example%20Corp(?::|%3A)(?:%20)?alice\?}i,
     'the label');
secret_add(secret => $j->{secret});

is($alice->page('setup')->json->{secret}, $j->{secret},
   'another look shows the same secret');
my $page = $alice->get_html('/2fa/setup');
is($page->status, 200, 'the page');
my ($a, $b) = $j->{secret} =~ /^(....)(....)/;
like($page->body, qr/\Q$a\E(?:\s|&nbsp;|<[^>]*>)+\Q$b\E/,
     'has the key in groups of four');
like($page->body, qr/<svg\b/, 'a picture');
like($page->body, qr/href="otpauth:/, 'and a link');
unlike($page->body, qr/(?:src|href)="[^"o][^"]*\Q$j->{secret}/,
       'the secret is in no URL of ours');

my $second = $t->client;
$second->login('alice');
isnt($second->page('setup')->json->{secret}, $j->{secret},
     'another session has another');

# A wrong code enables nothing.

my $otp = Totp::Otp->from_uri($uri, skew => 3);
is($otp->{digits}, 6, 'six digits');
is($otp->{period}, 30, '30 seconds');
is_error($alice->act('setup', { code => $otp->wrong_code }), 401, 'bad_code',
         'a wrong code');
is_error($alice->act('setup', { code => '12' }), 401, 'bad_code',
         'no code at all');
ok(!$alice->page('settings')->json->{enabled}, 'enables nothing');
is($alice->page('setup')->json->{secret}, $j->{secret}, 'the same key stays');
is_error($alice->get_json('/x'), 401, 'setup_required', 'the gate stays closed');
{
    my $their = Totp::Otp->from_uri($second->page('setup')->json->{otpauth});
    is_error($alice->act('setup', { code => $their->code_at(now()) }), 401,
             'bad_code', "[attack 39] another session's key confirms nothing");
}

# The right one does.

my $before = $alice->cookie;
my $third = $t->client;
$third->login('alice');
my $code = $otp->next_code;
$r = $alice->act('setup', { code => $code, next => '/x' });
is($r->status, 200, 'the right code') or diag $r->body;
is($r->stage, 'full', 'full');
is($r->target_path, '/2fa/backup-codes', 'leads to the backup codes');
is($r->target_next, '/x', 'and on to next');
isnt($alice->cookie, $before, 'a new session');
$t->otp(alice => $otp);
through($alice->get('/x'), 'the gate is open');

$r = $alice->page('settings');
$j = $r->json;
ok($j->{enabled}, 'enabled');
like($j->{enabled_at}, qr/\S/, 'enabled_at');
is($j->{backup_codes_left}, 5, 'five backup codes');
cmp_ok(scalar @{ $j->{events} || [] }, '>=', 1, 'an event');
my ($event) = @{ $j->{events} };
ok($event->{what} && $event->{when} && $event->{address},
   'with what, when and address') or diag explain $event;
is($event->{address}, '127.0.0.1', 'which is right');

ok(wait_until(sub { $third->page('settings')->status == 401 }, 2),
   'other sessions of the user end');
ok(wait_until(sub { $second->page('settings')->status == 401 }, 2),
   'all of them');
my $stolen = $t->client;
$stolen->{jar}{totp} = $before;
is_error($stolen->page('settings'), 401, 'login_required',
         'so does the session that enabled, under its old id');

my $new = $t->client;
is($new->login('alice')->stage, 'password', 'now a code is asked for');
is_error($new->code($code), 401, 'code_used',
         '[attack 19] the code that confirmed is not good for signing in');
is($new->code($otp->next_code)->stage, 'full', 'the next one is');


# By a browser.

my $bob = $t->client;
$bob->get_html('/2fa/login');
$r = $bob->post_html('/2fa/login', { username => 'bob',
    password => $t->password('bob'), next => '/deep?x=1' });
is($r->status, 303, 'HTML: signed in');
is($r->target, '/deep?x=1', 'to where he wanted');
$r = $bob->get_html($r->target);
is_redirect($r, '/2fa/setup', '/deep?x=1', 'HTML: to the setup');
$page = $bob->get_html($r->target);
is($page->status, 200, 'HTML: the page');
is($bob->hidden($page->body, 'next'), '/deep?x=1', 'carries next');
my ($key) = $page->body =~ /href="(otpauth:[^"]+)"/;
$key =~ s/&amp;/&/g;
$otp = Totp::Otp->from_uri($key, skew => 3);
$r = $bob->post_html('/2fa/setup', { code => $otp->wrong_code,
                                     next => '/deep?x=1' });
is($r->status, 401, 'HTML: a wrong code, 401');
like($r->body, qr/otpauth:[^"]*\Q$otp->{secret}/, 'the same picture stays');
is($bob->hidden($r->body, 'next'), '/deep?x=1', 'next stays');
$r = $bob->post_html('/2fa/setup', { code => $otp->next_code,
                                     next => '/deep?x=1' });
is_redirect($r, '/2fa/backup-codes', '/deep?x=1', 'HTML: to the backup codes');
through($bob->get('/deep?x=1'), 'and through');


# A pending secret ends.

my $carol = $t->client;
$carol->login('carol');
my %had = map { ($_ => 1) } $t->redis->keys;
my $pending = $carol->page('setup');
my @keys = grep { !$had{$_} } $t->redis->keys;
cmp_ok(scalar @keys, '>=', 1, 'a pending secret is a key of its own');
for my $key (@keys) {
    my $ttl = $t->redis->cmd('TTL', $key);
    ok($ttl > 800 && $ttl <= 900, "[attack 39] which lives 15 minutes ($ttl s)");
    $t->redis->cmd('PEXPIRE', $key, 1);
}
nap(0.05);
$otp = Totp::Otp->from_uri($pending->json->{otpauth});
$r = $carol->act('setup', { code => $otp->next_code });
isnt($r->status, 200, '[attack 39] a code after that enables nothing');
ok(!$carol->page('settings')->json->{enabled}, 'nothing at all');
isnt($carol->page('setup')->json->{secret}, $pending->json->{secret},
     'and there is a new secret');


# It belongs to its session: signing out and in makes another.

my $first = $carol->page('setup')->json->{secret};
$carol->act('logout', {});
$carol->login('carol');
isnt($carol->page('setup')->json->{secret}, $first, '[attack 39] a new session, a new secret');


# Not fresh: the password again.

my $dave = $t->client(port => 'stale');
$dave->login('dave');
is($dave->page('setup')->status, 200, 'fresh');
nap(seconds(1.2) + 1);
is_error($dave->page('setup'), 401, 'fresh_required', '[attack 36] not fresh any more');
is_redirect($dave->get_html('/2fa/setup'), '/2fa/login', '/2fa/setup',
            'to the login, and back');
is_error($dave->login('dave', 'wrong-word'), 401, 'bad_credentials', 'a wrong password');
is($t->redis->cmd('GET', 'totp:tries:{default:dave}:127.0.0.1'), 1, '[attack 36] counts');
is_error($dave->page('setup'), 401, 'fresh_required', '[attack 36] and makes nobody fresh');
is($dave->login('dave', undef, next => '/2fa/setup')->json->{next}, '/2fa/setup',
   'the password makes fresh, and leads back');


# Issuers and names.

my $erin = $t->client(port => 'issuer');
$erin->login('erin');
$uri = $erin->page('setup', Host => 'evil.example')->json->{otpauth};
like($uri, qr/[?&]issuer=gate\.example(?:&|$)/,
     '[attack 42] the default is the server name, never the Host header');
my $frank = $t->client(port => 'vars');
$frank->login('frank');
$uri = $frank->page('setup')->json->{otpauth};
my ($issuer) = $uri =~ /[?&]issuer=([^&]*)/;
is(uri_unescape($issuer), 'A & B: vars.example', '[attack 42] an issuer with variables')
    or diag $uri;
is(scalar(my @n = $uri =~ /[?&]/g) >= 2, 1, 'is escaped');

$t->htpasswd('o\'b & "c":d' =~ s/:d//r => '{PLAIN}odd-word-1');
my $odd = $t->client;
ok(wait_until(sub { $odd->login('o\'b & "c"', 'odd-word-1')->status == 200
                    || do { $odd->{ip} = fresh_ip(); 0 } }, 10, 0.5),
   'a user with an odd name');
$uri = $odd->page('setup')->json->{otpauth} || '';
like($uri, qr{^otpauth://totp/[^?]*o(?:'|%27)b%20%26%20%22c%22\?}, 'is escaped');
$odd->page('setup');
$page = $odd->get_html('/2fa/setup');
unlike($page->body, qr/"c"[^>]*>/, 'in the page too');


# Settings and setup are nothing for those who are not signed in.

my $nobody = $t->client;
for my $p (qw(setup backup-codes disable settings)) {
    is_error($nobody->page($p), 401, 'login_required', "$p: login_required");
}
my $gina = $t->client;
$gina->login('gina');
for my $p (qw(backup-codes disable)) {
    is_error($gina->page($p), 401, 'setup_required', "$p without a second factor");
    is_error($gina->act($p, {}), 401, 'setup_required', "POST $p likewise");
}
is($gina->page('code')->status, 401, 'code without a second factor');

$t->finish;

done_testing;
