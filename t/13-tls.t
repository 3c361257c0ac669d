# With TLS: the cookie's names and attributes, HTTP/2 (curl), and the checks
# that look at the scheme.

use Totp::Test;

my $t = Totp::Test->new(
    users => ['alice'],
    defaults => { cookie => undef },
    nodes => 0,
    server => 'return 404;', servers => <<'END');
    ssl_certificate      %DIR%/cert.pem;
    ssl_certificate_key  %DIR%/key.pem;

    server {
        listen       127.0.0.1:%PORT_host% ssl http2;
        server_name  localhost;
        totp         on;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_domain% ssl;
        server_name  localhost;
        totp         on;
        totp_realm   staff;
        totp_cookie  __Secure-totp domain=example.com samesite=strict;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
    server {
        listen       127.0.0.1:%PORT_realm% ssl;
        server_name  localhost;
        totp         on;
        totp_realm   ops;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

system(join ' ', tool('openssl'), qw(req -x509 -newkey ec -pkeyopt
       ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost -batch),
       '-keyout', "$t->{dir}/key.pem", '-out', "$t->{dir}/cert.pem",
       '2>/dev/null') == 0 or die 'openssl made no certificate';

$t->add_node('a')->start;

my $alice = $t->client(port => 'host', tls => 1);
my $r = $alice->page('login');
my $c = $r->set_cookie('__Host-totp');
ok($c, 'the default name is __Host-totp') or diag $r->{head};
ok($c->{secure}, 'Secure');
ok($c->{httponly}, 'HttpOnly');
is($c->{path}, '/', 'Path=/');
is(lc $c->{samesite}, 'lax', 'SameSite=Lax');
ok(!exists $c->{domain}, 'no Domain');
ok(!exists $c->{'max-age'} && !exists $c->{expires}, 'no Max-Age, no Expires');

$alice->ready('alice');
through($alice->get('/x'), 'works over TLS');

my $staff = $t->client(port => 'domain', tls => 1);
$c = ($staff->page('login')->set_cookies)[0];
is($c->{name}, '__Secure-totp-staff', 'another realm appends its name');
is(lc $c->{domain}, 'example.com', 'Domain');
is(lc $c->{samesite}, 'strict', 'SameSite=Strict');
ok($c->{secure}, 'Secure');

$c = ($t->client(port => 'realm', tls => 1)->page('login')->set_cookies)[0];
is($c->{name}, '__Host-totp-ops', 'a realm with the default name');


# A session is of one realm.

my $value = $alice->cookie('__Host-totp');
my $thief = $t->client(port => 'realm', tls => 1);
for my $name ('__Host-totp', '__Host-totp-ops', 'totp') {
    $thief->{jar} = { $name => $value };
    refused($thief->get('/x'), "[attack 6] a session of another realm, as $name");
}


# An Origin of http on an https connection is another site.

my $fresh = $t->client(port => 'host', tls => 1);
$fresh->page('login');
is_error($fresh->act('login', { username => 'alice',
        password => $t->password('alice') }, Origin => "http://$fresh->{host}"),
    403, 'bad_csrf', '[attack 44] Origin http on https');
is($fresh->act('login', { username => 'alice',
        password => $t->password('alice') },
        Origin => "https://$fresh->{host}")->status,
    200, 'Origin https on https');


# HTTP/2.

my $curl = tool('curl');
my $url = "https://127.0.0.1:" . $t->node->port('host');

sub h2 {
    my (@args) = @_;

    open my $fh, '-|', $curl, '-sk', '--http2', '-i', '--max-time', 20, @args
        or die "curl: $!";
    local $/;
    my $out = <$fh>;
    close $fh;
    my ($head, $body) = split /\r\n\r\n/, $out, 2;

    return ($head, $body);
}

my ($head, $body) = h2("$url/x", '-H', 'Accept: text/html');
like($head, qr{^HTTP/2 303}, 'HTTP/2: to the login');
like($head, qr{^location: /2fa/login}m, 'HTTP/2: Location');
($head) = h2("$url/x");
like($head, qr{^HTTP/2 401}, 'HTTP/2: 401');
$t->app->reset;
($head, $body) = h2("$url/x", '-H', "cookie: a=1; __Host-totp=$value; b=2");
like($head, qr{^HTTP/2 200}, 'HTTP/2: a session');
unlike(($t->app->requests)[0]{raw}, qr/\Q$value/, 'HTTP/2: the cookie is taken out');
($head, $body) = h2("$url/x", '-H', 'cookie: a=1', '-H',
                    "cookie: __Host-totp=$value", '-H', 'cookie: b=2');
like($head, qr{^HTTP/2 200}, '[attack 9] [attack 79] HTTP/2: cookie crumbs');
my $raw = ($t->app->requests)[1]{raw};
unlike($raw, qr/\Q$value/, 'HTTP/2: taken out of crumbs');
like($raw, qr/a=1/, 'HTTP/2: the first crumb stays');
like($raw, qr/b=2/, 'HTTP/2: the last crumb stays');
($head, $body) = h2("$url/2fa/login", '-H', 'Accept: application/json');
like($head, qr{^HTTP/2 200}, 'HTTP/2: a page');
like($body, qr/"csrf"/, 'HTTP/2: with its body');
($head, $body) = h2("$url/2fa/login", '-H', 'Accept: application/json',
                    '-d', 'username=a&password=b');
like($head, qr{^HTTP/2 403}, 'HTTP/2: a form');
like($body, qr/bad_csrf/, 'HTTP/2: is read');

$t->finish;

done_testing;
