# The module's cookies are taken out of every request that goes on to an
# application; all others arrive byte for byte.

use Totp::Test;

my $t = Totp::Test->new(
    users => ['alice'],
    http => <<'END',
    map $http_cookie $mapped {
        default      $http_cookie;
        ~*zzz        matched;
    }
    map $cookie_theme $theme { default $cookie_theme; }
END
    server => <<'END', servers => <<'END2');
        totp on;

        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
        location /ping { totp off; proxy_pass http://%APP%; }
        location /mapped {
            set $early $http_cookie;
            proxy_pass        http://%APP%;
            proxy_set_header  X-Map $mapped;
            proxy_set_header  X-Early $early;
            proxy_set_header  X-Theme $theme;
            proxy_set_header  X-Http $http_cookie;
        }
        location /cookie-var {
            if ($http_cookie ~ "nothing-like-it") { return 444; }
            proxy_pass        http://%APP%;
            proxy_set_header  X-Totp "[$cookie_totp]";
        }
END
    server {
        listen       127.0.0.1:%PORT_bare%;
        server_name  localhost;
        location / { proxy_pass http://%APP%; }
    }
    server {
        listen       127.0.0.1:%PORT_realm%;
        server_name  localhost;
        totp         on;
        totp_realm   staff;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2

my $alice = $t->client->ready('alice');
my $cookie = $alice->cookie;

sub sent {
    my ($c, $path, @headers) = @_;

    $t->app->reset;
    my $r = $c->request('GET', $path, cookies => 0, headers => \@headers);
    through($r, "$path: goes through");
    my ($q) = $t->app->requests;

    return join "\n", map { $_->[1] } grep { lc $_->[0] eq 'cookie' }
           map { [ /^([^:]+): (.*?)\r$/ ] } grep { /: / } split /^/, $q->{head};
}


# Gated.

for my $case (
    ["totp=$cookie", '', 'ours alone: the header is gone'],
    ["a=1; totp=$cookie", 'a=1', 'the last'],
    ["totp=$cookie; a=1", 'a=1', 'the first'],
    ["a=1; totp=$cookie; b=2", 'a=1; b=2', 'in the middle'],
    ["xtotp=1; totp=$cookie; totpx=2", 'xtotp=1; totpx=2',
     'names that only look alike stay'],
    ["TOTP=1; totp=$cookie", 'TOTP=1', 'names are case-sensitive'],
    ["q=\"a; b=c\\\"; totp=$cookie", "q=\"a; b=c\\\"", 'odd values stay'],
    ["e=; =f; g; totp=$cookie; h=1=2=3", 'e=; =f; g; h=1=2=3',
     'odd pairs stay'],
    ["u=\xc3\xa9\xff; totp=$cookie", "u=\xc3\xa9\xff", 'bytes stay'],
) {
    my ($in, $want, $name) = @$case;
    is(sent($alice, '/gated', Cookie => $in), $want, $name);
}


# Where the gate is off, or nothing of the module is configured at all.

for my $path (qw(/ping)) {
    is(sent($alice, $path, Cookie => "a=1; totp=$cookie"), 'a=1',
       'where the gate is off');
    is(sent($alice, $path, Cookie => "a=1; totp=forged"), 'a=1',
       'a forged one too');
    is(sent($alice, $path, Cookie => "totp=x; a=1; totp=y"), 'a=1',
       'both of two');
    is(sent($alice, $path, Cookie => 'totp='), '', 'an empty one');
    is(sent($alice, $path, Cookie => " a=1;b=\"2\" ;;  c=3;"),
       "a=1;b=\"2\" ;;  c=3;", 'without ours: byte for byte');
}

my $bare = $alice->clone(port => $t->node->port('bare'));
is(sent($bare, '/x', Cookie => "a=1; totp=$cookie; b=2"), 'a=1; b=2',
   'in a server without a gate');


# Every configured name, in every location.

is(sent($alice, '/gated', Cookie => "totp-staff=1; totp=$cookie; a=1"),
   'a=1', "another realm's");
is(sent($bare, '/x', Cookie => 'totp-staff=1; a=1'), 'a=1',
   "another realm's, in a server without a gate");


# Two headers.

my $both = sent($alice, '/gated', Cookie => 'a=1', Cookie => "totp=$cookie; b=2");
unlike($both, qr/totp/, 'two headers: ours is gone');
like($both, qr/a=1/, 'the first stays');
like($both, qr/b=2/, 'the second stays');


# Where $http_cookie was used before.

$t->app->reset;
my $r = $alice->request('GET', '/mapped', cookies => 0,
    headers => [Cookie => "theme=dark; totp=$cookie; b=2"]);
through($r, 'with a map of $http_cookie');
my %h = map { (lc $_->[0] => $_->[1]) } @{ $r->json->{headers} };
is($h{cookie}, 'theme=dark; b=2', 'the application');
is($h{'x-map'}, 'theme=dark; b=2', 'map');
is($h{'x-early'}, 'theme=dark; b=2', 'set');
is($h{'x-theme'}, 'dark', '$cookie_name of another cookie');
is($h{'x-http'}, 'theme=dark; b=2', '$http_cookie');

$r = $alice->request('GET', '/cookie-var', cookies => 0,
    headers => [Cookie => "totp=$cookie"]);
through($r, 'with $cookie_totp');
%h = map { (lc $_->[0] => $_->[1]) } @{ $r->json->{headers} };
unlike($h{'x-totp'}, qr/\Q$cookie/, 'which does not give it away');

unlike(join('', map { $_->{raw} } $t->app->all), qr/\Q$cookie/,
       '[attack 86] no request to the application ever had it');

$t->finish;

done_testing;
