# The settings: freshness, disabling, a new phone, what ends which sessions.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol dave erin frank)],
    servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_stale%;
        server_name  localhost;
        totp         on;
        totp_fresh   2s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_optional%;
        server_name  localhost;
        totp         optional;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_help%;
        server_name  localhost;
        totp         on;
        totp_help    "Call Ms Sample, room 7.";
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END


# Freshness: every change wants a second factor of now.

my $alice = $t->client(port => 'stale')->ready('alice');
my $otp = $t->otp('alice');
nap(seconds(2.3) + 0.5);

is($alice->page('settings')->status, 200, 'settings need no freshness');
through($alice->get('/x'), 'nor does the gate');
is_error($alice->page('setup'), 401, 'fresh_required', '[attack 36] GET setup does');
is_error($alice->act('backup-codes', {}), 401, 'fresh_required', '[attack 36] POST backup-codes');
is($alice->page('backup-codes')->status, 200, 'GET backup-codes does not');
is_error($alice->page('disable'), 401, 'fresh_required', '[attack 36] GET disable');
is_error($alice->act('disable', {}), 401, 'fresh_required', '[attack 36] POST disable');
is_redirect($alice->get_html('/2fa/disable'), '/2fa/code', '/2fa/disable',
            'a browser is sent to code and comes back');
is_redirect($alice->get_html('/2fa/setup'), '/2fa/code', '/2fa/setup', 'from setup');
is($alice->page('settings')->json->{enabled} ? 1 : 0, 1, 'nothing was changed');

my $page = $alice->get_html('/2fa/code?next=/2fa/disable');
is($page->status, 200, 'full: the code page');
my $r = $alice->code($otp->wrong_code, next => '/2fa/disable');
is_error($r, 401, 'bad_code', 'a wrong code');
is_error($alice->page('disable'), 401, 'fresh_required', '[attack 36] does not make fresh');
$r = $alice->code($otp->next_code, next => '/2fa/disable');
is($r->status, 200, 'a right one does');
is($r->json->{next}, '/2fa/disable', 'and leads back');
is($alice->page('disable')->status, 200, 'disable: fresh');
nap(seconds(2.3) + 0.5);
is_error($alice->act('disable', {}), 401, 'fresh_required', 'for a while');
is($alice->code($alice->{enrolled}{codes}[3])->status, 200,
   'a backup code makes fresh too');
is($alice->page('disable')->status, 200, 'as it shows');


# Disabling.

my $bob = $t->client->ready('bob');
my $bystander = $t->client;
$bystander->sign_in('bob');
my $half = $t->client;
$half->login('bob');
my @codes = @{ $bob->{enrolled}{codes} };
my $cookie = $bob->cookie;

is($bob->page('disable')->status, 200, 'GET disable changes nothing');
is($bob->page('settings')->json->{enabled} ? 1 : 0, 1, 'as it shows');
$r = $bob->act('disable', {});
is($r->status, 200, 'disabled') or diag $r->body;
is($r->target_path, '/2fa/settings', 'leads to the settings');
isnt($bob->cookie, $cookie, 'a new session');
ok(!$bob->page('settings')->json->{enabled}, 'not enabled');
is_error($bob->get_json('/x'), 401, 'setup_required',
         'where it is demanded he is led to set it up again');
is_redirect($bob->get_html('/x'), '/2fa/setup', '/x', 'as a browser too');
ok(wait_until(sub { $bystander->page('settings')->status == 401 }, 2),
   'other sessions end');
ok(wait_until(sub { $half->act('code', { code => $t->otp('bob')->next_code })
                    ->status == 401 }, 2), 'those that owe a code too');
my $old = $t->client;
$old->{jar}{totp} = $cookie;
is_error($old->page('settings'), 401, 'login_required', 'and the old id of his own');

my $new = $t->client;
is($new->login('bob')->stage, 'full', 'no code is asked for');
is($t->leaks($t->redis->dump, skip => [qw(code)]), 0, 'nothing is left in Redis');
my $again = $new->page('setup')->json->{secret};
isnt($again, $t->otp('bob')->{secret}, 'a new set-up has a new secret');
my $e = $new->enroll('bob');
is($e->{confirm}->status, 200, 'which can be confirmed');
$half = $t->client;
$half->login('bob');
is_error($half->code($codes[0]), 401, 'bad_code', '[attack 20] no old backup code works');

my $dave = $t->client->ready('dave');
$r = $dave->post_html('/2fa/disable', {});
is_redirect($r, '/2fa/settings', undef, 'a browser: 303 to the settings');
$page = $dave->get_html('/2fa/settings');
is($page->status, 200, 'the settings');
like($page->body, qr{/2fa/setup|href="setup"}, 'lead to setting it up');

my $opt = $t->client(port => 'optional');
$opt->login('dave');
through($opt->get('/x'), 'optional: who has none goes through');
my $required = $opt->page('settings')->json->{required};
ok(defined $required && !$required, 'optional: not required');


# A new phone.

my $carol = $t->client->ready('carol');
my $phone = $t->otp('carol');
@codes = @{ $carol->{enrolled}{codes} };
$bystander = $t->client;
$bystander->sign_in('carol');

my $setup = $carol->page('setup');
is($setup->status, 200, 'setup with a second factor');
isnt($setup->json->{secret}, $phone->{secret}, 'shows a new secret');
my $next = Totp::Otp->from_uri($setup->json->{otpauth}, skew => 3);

$half = $t->client;
is($half->sign_in('carol')->stage, 'full', '[attack 37] the old phone works until then');
is_error($carol->act('setup', { code => $phone->next_code }), 401, 'bad_code',
         "[attack 37] the old phone's code confirms nothing");
$cookie = $carol->cookie;
$r = $carol->act('setup', { code => $next->next_code });
is($r->status, 200, "the new phone's code does") or diag $r->body;
is($r->target_path, '/2fa/settings', 'leads to the settings');
isnt($carol->cookie, $cookie, 'a new session');
$t->otp(carol => $next);
ok(wait_until(sub { $bystander->page('settings')->status == 401 }, 2),
   'other sessions end');
is($carol->page('settings')->json->{backup_codes_left}, 5, 'the backup codes stay');

$half = $t->client;
$half->login('carol');
$r = $half->code($phone->next_code);
refused($r, '[attack 20] [attack 37] the old phone works no more');
is($half->code($next->next_code)->stage, 'full', 'the new one does');
$half = $t->client;
$half->login('carol');
is($half->code($codes[1])->stage, 'full', 'and a backup code from before');
is($t->leaks($t->redis->dump, skip => [qw(code)]), 0, 'Redis has no secret');


# Events.

my @events = @{ $carol->page('settings')->json->{events} };
cmp_ok(scalar @events, '<=', 10, 'ten events at most');
cmp_ok(scalar @events, '>=', 3, 'enabled, a new phone, a backup code used ...');
for (1 .. 8) { my $c = $t->client; $c->login('carol'); $c->code($next->wrong_code) if $_ < 3;
               $c->sign_in('carol') if $_ == 5 }
@events = @{ $carol->page('settings')->json->{events} };
cmp_ok(scalar @events, '<=', 10, 'still ten at most');
my %what = map { ($_->{what} => 1) } @events;
ok(keys %what >= 2, 'of several kinds') or diag explain \@events;
$r = $carol->page('settings')->json;
like($r->{last_used_at}, qr/\S/, 'last_used_at');


# Two sign-ins at once: both attempts are counted before either is accepted, and
# the first success clears the count that the second would subtract from.  A
# stopped Redis takes both attempts before it answers one.

my $frank = $t->client->ready('frank');
my @half = map { my $c = $t->client; $c->login('frank'); $c } 1, 2;
my @code = ($t->otp('frank')->next_code, $frank->{enrolled}{codes}[0]);
my @conn = map { $_->connect } @half;

$t->redis->freeze;
$conn[$_]->send($half[$_]->build('POST', '/2fa/code',
    form => { code => $code[$_], csrf => $half[$_]{csrf} },
    headers => [Accept => 'application/json'])) for 0, 1;
nap(seconds(0.3));   # nothing tells that a stopped Redis has been asked
$t->redis->thaw;
is($half[$_]->learn($conn[$_]->response)->stage, 'full',
   "two sign-ins at once: $_") for 0, 1;
$r = $half[0]->page('settings');
is($r->status, 200, 'two sign-ins at once: the settings are there');
is($r->json->{failed_before}, 0, 'and no failure before them');


# The operator's help.

my $erin = $t->client(port => 'help')->ready('erin');
$half = $t->client(port => 'help');
$half->login('erin');
like($half->get_html('/2fa/code')->body, qr/Call Ms Sample, room 7\./,
     'the code page says whom to ask');

$t->finish;

done_testing;
