# What an application is told of the user: what nginx sets, once, whatever the
# client sends under that name or one like it.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)],
    server => <<'END', servers => <<'END2');
        totp              on;
        proxy_set_header  X-Forwarded-User  $totp_user;
        proxy_set_header  X-Stage           $totp_stage;
        location /        { proxy_pass http://%APP%; }
        location /opt     { totp optional; proxy_pass http://%APP%; }
        location /ping    { totp off; proxy_pass http://%APP%; }
        location /any     { satisfy any; allow 127.0.0.1; deny all;
                            proxy_pass http://%APP%; }
        location /2fa/    { totp_portal; }
        location /err     { totp off; error_page 404 = /err-page;
                            proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /err-page { proxy_pass http://%APP%; }
        location /off-err { totp off; error_page 404 =200 /ping/err;
                            proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ws { proxy_http_version 1.1; proxy_pass http://%APP%;
                       proxy_set_header X-Forwarded-User $totp_user;
                       proxy_set_header Upgrade $http_upgrade;
                       proxy_set_header Connection "upgrade"; }
END
    server {
        listen      127.0.0.1:%PORT_pages%;
        totp        on;
        error_page  400 =200 /any;
        error_page  494 =200 @any;
        location /     { proxy_pass http://%APP%; }
        location /any  { satisfy any; allow 127.0.0.1; deny all;
                         proxy_pass http://%APP%; }
        location @any  { satisfy any; allow 127.0.0.1; deny all;
                         set $seen "[$http_cookie]"; proxy_set_header X-Seen $seen;
                         proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END2

my $alice = $t->client->ready('alice');
my $bob = $t->client;
$bob->login('bob');
my $nobody = $t->client;
my $forged = $t->client;
$forged->{jar}{totp} = reverse $alice->cookie;

# All that an application might take for the user's header: the last is what
# CGI makes of each.

sub named {
    my ($head) = @_;
    my @found;
    for (split /\r\n/, $head) {
        my ($name, $value) = /\A([^:]*):\s*(.*)/ or next;
        (my $cgi = uc $name) =~ s/[^A-Z0-9]/_/g;
        push @found, $value if $cgi eq 'X_FORWARDED_USER';
    }
    return join ',', @found;
}

my @attempts = (
    ['as it is', 'X-Forwarded-User' => 'admin'],
    ['small', 'x-forwarded-user' => 'admin'],
    ['twice', 'X-Forwarded-User' => 'admin', 'X-Forwarded-User' => 'root'],
    ['underscores', 'X_Forwarded_User' => 'admin'],
    ['one underscore', 'X-Forwarded_User' => 'admin'],
    ['a dot', 'X.Forwarded.User' => 'admin'],
    ['a space behind', 'X-Forwarded-User ' => 'admin'],
    ['a tab before the value', 'X-Forwarded-User' => "\tadmin"],
    ['a folded line', 'X-A' => "b\r\n X-Forwarded-User: admin"],
    ['a bare line feed', 'X-A' => "b\nX-Forwarded-User: admin"],
    ['hop by hop', Connection => 'close, X-Forwarded-User', 'X-Forwarded-User' => 'admin'],
    ['hop by hop, none sent', Connection => 'close, X-Forwarded-User, X-Stage'],
    ['the cookie, hop by hop', Connection => 'close, Cookie'],
    ['stage', 'X-Stage' => 'full', 'X_Stage' => 'full'],
    ['a trailer', Trailer => 'X-Forwarded-User', TE => 'trailers'],
);

for my $case (
    ['gated', $alice, 'GET', '/x', 'alice'], ['a form', $alice, 'POST', '/x', 'alice'],
    ['OPTIONS', $alice, 'OPTIONS', '/x', 'alice'], ['HEAD', $alice, 'HEAD', '/x', 'alice'],
    ['optional', $bob, 'GET', '/opt', 'bob'],
    ['exempt, a session', $alice, 'GET', '/ping', 'alice'],
    ['exempt, nobody', $nobody, 'GET', '/ping', ''],
    ['exempt, forged', $forged, 'GET', '/ping', ''],
    ['exempt, OPTIONS', $nobody, 'OPTIONS', '/ping', ''],
    ['satisfy any', $nobody, 'GET', '/any', ''],
    ['an error page', $alice, 'GET', '/err?status=404', 'alice'],
    ['an error page, nobody', $nobody, 'GET', '/off-err?status=404', ''],
) {
    my ($where, $who, $method, $path, $want) = @$case;

    for my $attempt (@attempts) {
        my ($name, @h) = @$attempt;
        $t->app->reset;
        my $r = $who->request($method, $path, headers => [@h],
                              ($method eq 'POST' ? (body => 'x') : ()));
        my @q = $t->app->requests;
        # some that are no headers nginx refuses, and that is as well
        next if $r->status == 400 && !@q;
        is(join('|', map { named($_->{head}) } @q),
           join('|', ($want) x @q), "[attack 85] $where, $name");
        is(join(',', map { $_->{head} =~ /^x.stage: ?(.*?)\r$/gmi } @q),
           join(',', ($want ? 'full' : 'none') x @q),
           "[attack 85] $where, $name: and its stage") if $name eq 'stage';
        if ($name =~ /hop by hop/) {
            ok(scalar(@q), "[attack 86] $where, $name: reaches the application");
            unlike(join('', map { $_->{head} } @q), qr/totp=/,
                   "[attack 86] $where, $name: without our cookie");
        }
    }
}


# Where nothing is set the client's header would arrive as it was sent.

for my $who ($nobody, $forged, $bob) {
    $t->app->reset;
    $who->get('/x', 'X-Forwarded-User' => 'alice');
    is($t->app->hits, 0, '[attack 85] the header opens nothing');
}


# Authorization and other cookies are the application's own; our cookie is not.

$t->app->reset;
$alice->request('GET', '/x', cookies => 0, headers => [
    Authorization => 'Bearer abc', Cookie => "a=1; totp=$alice->{jar}{totp}; b=2",
    Connection => 'close, Cookie, Authorization']);
my ($q) = $t->app->requests;
like($q->{head}, qr/^Authorization: Bearer abc\r$/m, '[attack 86] Authorization arrives');
like($q->{head}, qr/^Cookie: a=1; b=2\r$/m, '[attack 86] and the other cookies');

for my $case (['Content-Length: x', 'a bad length'], ['X: ' . 'y' x 9000, 'too long a header']) {
    my ($line, $name) = @$case;
    $t->app->reset;
    my $conn = $alice->clone(port => $t->node->port('pages'))->connect;
    $conn->send("GET /x HTTP/1.1\r\nHost: x\r\nCookie: a=1; totp=$alice->{jar}{totp}"
                . "\r\n$line\r\n\r\n");
    is($conn->response->status, 200, "[attack 86] the error page of $name");
    my ($q) = $t->app->requests;
    unlike($q->{head}, qr/totp=/, "[attack 86] the error page of $name: not our cookie");
    like($q->{head}, qr/^Cookie: a=1\r$/m, "[attack 86] the error page of $name: the other");
    $conn->close;
}

my $ws = $alice->connect;
$t->app->reset;
$ws->send($alice->build('GET', '/ws', headers => [Connection => 'Upgrade',
    Upgrade => 'websocket', 'X-Forwarded-User' => 'admin',
    Origin => 'http://evil.example']));
is($ws->response->status, 101, '[attack 81] a WebSocket');
($q) = $t->app->requests;
is(named($q->{head}), 'alice', '[attack 81] [attack 85] is told the user');
like($q->{head}, qr{^Origin: http://evil\.example\r$}m,
     '[attack 81] and the Origin, which is for it to judge');
unlike($q->{head}, qr/totp=/, '[attack 81] but not our cookie');
$ws->send('before');
is($ws->bytes(6), 'before', '[attack 81] it works');
$alice->act('logout', {});
ok(wait_until(sub { $alice->get('/x')->status == 401 }, 3), '[attack 81] signed out');
$ws->send('after');
is($ws->bytes(5), 'after', '[attack 81] an open one is not cut: the README says so');
$ws->close;
for my $who ($alice, $nobody, $bob, $forged) {
    $t->app->reset;
    $ws = $who->connect;
    $ws->send($who->build('GET', '/ws', headers => [Connection => 'Upgrade',
        Upgrade => 'websocket', Origin => "http://$who->{host}"]));
    is($ws->response->status, 401, '[attack 81] no new one without a session');
    is($t->app->hits, 0, '[attack 81] which the application does not see');
    $ws->close;
}

$t->finish;


# A server that is off and knows no users: whom a good cookie of another server
# names, it cannot tell.

my $two = Totp::Test->new(users => [qw(alice)],
    defaults => { password_file => undef }, server => <<'END', servers => <<'END2');
        totp on;
        totp_password_file %DIR%/htpasswd;
        location / { proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
END
    server {
        listen 127.0.0.1:%PORT_off%;
        location / { proxy_pass http://%APP%;
                     proxy_set_header X-User $totp_user; }
    }
END2
$alice = $two->client->ready('alice');
$two->app->reset;
my $there = $alice->clone(port => $two->node->port('off'));
is($there->get('/x')->status, 200, 'a server without users, off');
($q) = $two->app->requests;
unlike($q->{head}, qr/^X-User:/mi, 'names nobody');
through($alice->get('/x'), 'where there are users: she is in');
$two->finish;

done_testing;
