# Signing out, here and everywhere; and how sessions end by time.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob carol)], servers => <<'END');
    server {
        listen       127.0.0.1:%PORT_idle%;
        server_name  localhost;
        totp         on;
        totp_session_timeout   4s;
        totp_session_lifetime  12s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_login%;
        server_name  localhost;
        totp         on;
        totp_login_timeout  2s;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END


# Here.

my $alice = $t->client->ready('alice');
my $other = $t->client;
$other->sign_in('alice');
my $cookie = $alice->cookie;

is($alice->page('logout')->status, 200, 'GET logout');
through($alice->get('/x'), 'signs nobody out');
my $r = $alice->act('logout', {});
is($r->status, 200, 'POST logout') or diag $r->body;
is($r->stage, 'none', 'stage none');
is($r->target_path, '/2fa/login', 'leads to the login');
isnt($alice->cookie || '', $cookie, 'the cookie is cleared');
my $c = $r->set_cookie('totp');
ok($c && ($c->{value} eq '' || ($c->{'max-age'} // 1) <= 0
          || ($c->{expires} || '') =~ /19[67]\d/), 'by Set-Cookie')
    or diag $r->{head};

my $thief = $t->client;
$thief->{jar}{totp} = $cookie;
is_error($thief->get_json('/x'), 401, 'login_required', '[attack 11] the session is revoked at once');
is_error($thief->page('settings'), 401, 'login_required', '[attack 11] in the portal too');
through($other->get('/x'), 'the other session of the user holds');

# A dead session may always log out.

$thief->{csrf} = $alice->{csrf} unless $thief->{csrf};
my $page = $thief->page('logout');
is($page->status, 200, 'a dead session may see logout');
$r = $thief->act('logout', {});
is($r->status, 200, 'and log out') or diag $r->body;

my $nobody = $t->client;
$nobody->page('login');
is($nobody->act('logout', {})->status, 200, 'a visitor may log out');

$c = $t->client;
$c->sign_in('alice');
$r = $c->post_html('/2fa/logout', {});
is_redirect($r, '/2fa/login', undef, 'a browser: 303 to the login');
is_redirect($c->get_html('/x'), '/2fa/login', '/x', 'and signed out');


# Everywhere.

my @sessions = map { my $c = $t->client; $c->sign_in('alice'); $c } 1 .. 2;
my $half = $t->client;
$half->login('alice');
my $bob = $t->client->ready('bob');

$r = $half->act('logout', { everywhere => 1 });
is($r->status, 200, 'everywhere, at stage password');
nap(seconds(1.1));
through($sessions[0]->get('/x'), 'ends only that session');

$half = $t->client;
$half->login('alice');
$r = $sessions[0]->act('logout', { everywhere => 1 });
is($r->status, 200, 'everywhere');
for my $c (@sessions, $other) {
    ok(wait_until(sub { $c->get('/x')->status == 401 }, 1.5),
       'every session of the user ends within a second');
}
ok(wait_until(sub { $half->page('code')->status == 401 }, 1.5),
   'those that owe a code too');
through($bob->get('/x'), "another user's does not");
$c = $t->client;
is($c->sign_in('alice')->stage, 'full', 'signing in again works');
through($c->get('/x'), 'and holds');
nap(seconds(1.2));
through($c->get('/x'), 'also later');


# Idle: a session that nobody uses ends; one that is used is renewed.

my $idle = $t->client(port => 'idle')->ready('carol');
my $used = $t->client(port => 'idle');
$used->sign_in('carol');
my $began = now();
my $first = $used->cookie;
my $renewed = 0;
my $alive = 1;
while (now() - $began < 6) {
    my $r = $used->get('/x');
    $alive &&= $r->status == 200;
    $renewed++ if $r->set_cookie('totp');
    nap(0.5);
}
ok($alive, 'a session that is used outlives the idle time');
cmp_ok($renewed, '>=', 1, 'its cookie is renewed');
cmp_ok($renewed, '<=', 8, 'but not with every answer');
isnt($used->cookie, $first, 'as it shows');
is_error($idle->get_json('/x'), 401, 'expired', '[attack 14] one that is not used has expired');
is_redirect($idle->get_html('/x'), '/2fa/login', '/x', 'a browser: to the login');

# Not on responses that a shared cache may store.

my $fresh = $t->client(port => 'idle');
$fresh->sign_in('carol');
my $got = 0;
$began = now();
while (now() - $began < 2.2) {
    my $r = $fresh->get('/x?h=Cache-Control:%20public,%20max-age%3D60');
    $got++ if $r->set_cookie('totp');
    nap(0.4);
}
is($got, 0, 'a response that a shared cache may store carries no cookie');
ok($fresh->get('/x')->set_cookie('totp'), 'the next one does');

# Absolute: no use of it makes a session last longer.

$alive = wait_until(sub {
    $fresh->get('/x')->status == 401 }, 14, 0.4);
ok($alive, '[attack 14] a session ends after its lifetime, however much it is used');
is_error($fresh->get_json('/x'), 401, 'expired', 'as expired');

# While a code is owed.

$half = $t->client(port => 'login');
is($half->login('carol')->stage, 'password', 'stage password');
is($half->page('code')->status, 200, 'the code page');
nap(seconds(2.3) + 0.5);
is_error($half->code($t->otp('carol')->next_code), 401, 'expired',
         'stage password ends after totp_login_timeout');

# The time that counts is that of where the cookie is shown, not of where it
# began: a shorter one holds at once.

$half = $t->client;
is($half->login('carol')->stage, 'password', 'stage password, for ten minutes');
nap(seconds(2.3) + 0.5);
is_error($half->get_json('/x'), 401, 'code_required', 'is still on');
my $short = $half->clone(port => $t->node->port('login'));
is_error($short->get_json('/x'), 401, 'expired',
         'but over where totp_login_timeout is less');

$t->finish;

done_testing;
