# What somebody with a cookie, a mirror or a locked address could try.

use strict;
use warnings;

use Totp::Test;
use Test::More;

my $t = Totp::Test->new(users => [qw(alice bob carol)], nodes => 2,
    server => <<'END');
        totp        on;
        totp_fresh  2s;
        location /        { proxy_pass http://%APP%; }
        location /mirror/ { totp off; mirror /2fa/login;
                            proxy_pass http://%APP%; }
        location /2fa/    { totp_portal; }
END
my $second = $t->{nodes}{b};


# A session that was signed out cannot turn itself into another one, not even
# on a node whose feed stands still: its workers hear of the sign-out late.

my $alice = $t->client->ready('alice');
my $thief = $alice->clone->at($second);
is($thief->page('settings')->status, 200, 'a copied cookie works on the other node');

my ($feed) = sort { $a <=> $b } $second->workers;
kill STOP => $feed;
is($alice->act('logout', {})->status, 200, 'its owner signs out on the first node');

SKIP: {
    # the other worker of the node answers, or nobody does
    my $r = eval { $thief->act('backup-codes', {}) };
    skip 'the connection went to the worker that stands still', 1 if !$r;
    is_error($r, 401, 'login_required', 'no new backup codes for the copy');
}

kill CONT => $feed;
ok(wait_until(sub { $thief->get_json('/x')->status == 401 }, 5, 0.2),
   'and it is out there, too');


# The pending secret is shown to those alone who are fresh.

my $bob = $t->client;
$bob->login('bob');
my $secret = $bob->page('setup')->json->{secret};
like($secret, qr/^[A-Z2-7]{32}$/, 'a pending secret');
nap(3);
is_error($bob->page('setup'), 401, 'fresh_required', 'not fresh any more');
my $r = $bob->post_html('/2fa/setup', { code => '000000' });
unlike($r->body, qr/\Q$secret\E|otpauth:/, 'a wrong code does not show it either');
is($r->status, 303, 'but leads to the password, and back');
$bob->login('bob');
is($bob->page('setup')->json->{secret}, $secret, 'where it is the same');


# A copy of somebody's form that nginx mirrors into the portal does nothing, and
# the form arrives whole.

my $carol = $t->client;
$carol->page('login');
$t->app->reset;
$r = $carol->request('POST', '/mirror/x', form => [[csrf => $carol->{csrf}],
    [username => 'carol'], [password => $t->password('carol')]]);
is($r->status, 200, '[attack 71] a mirrored form goes to its application');
my ($seen) = grep { $_->{uri} eq '/mirror/x' } $t->app->requests;
like($seen->{body}, qr/username=carol/, '[attack 78] with its body');
is($carol->page('login')->stage, 'none', 'and signs nobody in');


# Failures that were counted for a user are not taken back by those of an
# address that does not count for him.

my $pass = $t->password('carol');
my $home = $t->client(ip => '127.0.9.1');
is($home->login('carol')->status, 200, 'carol has signed in from home');
$t->client(ip => "127.0.9.$_")->login('carol', 'wrong') for 10 .. 14;
my $key = 'totp:tries:{default:carol}';
is($t->redis->cmd('GET', $key), 5, 'five strangers have guessed');
$home->login('carol', 'wrong') for 1 .. 5;
is($home->login('carol', 'wrong')->status, 429, 'so has somebody at home');
$home->login('carol', 'wrong') for 1 .. 3;
is($t->redis->cmd('GET', $key), 5, 'and the strangers are still counted');

$t->finish;

done_testing;
