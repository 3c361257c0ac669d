# Bodies: too long, too slow, in pieces, of other types, behind an answer that
# did not read them.

use Totp::Test;

my $t = Totp::Test->new(users => [qw(alice bob)],
    http => <<'END',
    client_body_timeout        2s;
    client_body_in_file_only   on;
    client_body_buffer_size    1k;
    totp_attempts              50 5m;
END
    server => Totp::Test->default_server . <<'END',
        location /deny { deny all; proxy_pass http://%APP%; }
END
    servers => <<'END');
    server {
        listen         127.0.0.1:%PORT_few%;
        server_name    localhost;
        totp           on;
        totp_attempts  1 5m;
        location / { proxy_pass http://%APP%; }
        location /ping { totp off; proxy_pass http://%APP%; }
        location /2fa/ { totp_portal; }
    }
END

my @JSON = (Accept => 'application/json');
my @FORM = ('Content-Type' => 'application/x-www-form-urlencoded');
my $temp = $t->node->{prefix} . '/client_body';
my $alice = $t->client->ready('alice');

sub visitor {
    my $c = $t->client(ip => fresh_ip(), @_);
    $c->page('login');
    return $c;
}

sub bob {
    my ($c, @more) = @_;
    return form_encode([[username => 'bob'], [password => $t->password('bob')],
                        [csrf => $c->{csrf}], @more]);
}

sub files { my @f = grep { -f } glob "$temp/*"; return scalar @f }


# Nothing of a form goes to a file, whatever nginx is told about bodies; what
# goes to an application does, here.

is($t->client->login('bob')->stage, 'full',
   '[attack 60] client_body_in_file_only: signs in');
$t->client->login('bob', 'w' x 7000);
is(files(), 0, '[attack 60] and no file was written');
$alice->post('/x', { a => 'b' });
is(files(), 1, 'where one is for an application');
unlink glob "$temp/*";


# Too long: by its length, by itself, without an end.

for my $case (['10 GB', 10_000_000_000], ['2^63 - 1', '9223372036854775807'],
              ['8 KiB and one', 8193])
{
    my ($name, $length) = @$case;
    my $c = visitor();
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', keep => 1, headers => [@JSON,
        @FORM, 'Content-Length' => $length]));
    is_error($conn->response, 413, 'too_large', "[attack 60] $name");
    $conn->close;
}
for my $length ('-1', '9223372036854775808', '1x', '0x10', '+1') {
    my $c = visitor();
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', headers => [@JSON, @FORM,
        'Content-Length' => $length]));
    is($conn->response->status, 400, "[attack 60] a length of $length");
    $conn->close;
}
for my $case ([413, 'Content-Length' => 9000, @FORM],
              [415, 'Content-Length' => 9, 'Content-Type' => 'text/plain'])
{
    my ($status, @h) = @$case;
    my $c = visitor();
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', headers => [@JSON, @h,
        Expect => '100-continue']));
    my $r = $conn->response;
    is($r->status, $status, "[attack 82] Expect: 100-continue, and $status");
    is_deeply($r->{interim}, [], '[attack 82] without a 100 before');
    $conn->close;
}
{
    my $c = visitor();
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', keep => 1, headers => [@JSON,
        @FORM, 'Transfer-Encoding' => 'chunked']));
    $conn->send(sprintf "%x\r\n%s\r\n", 1024, 'x' x 1024) for 1 .. 9;
    my $r = $conn->response;
    is_error($r, 413, 'too_large', '[attack 60] chunks without an end');
    is($r->header('Connection'), 'close', '[attack 60] and that was all');
    is(files(), 0, '[attack 60] and nothing in a file');
    $conn->close;
}


# Too slow: given up, its place is free again, nothing counted; who comes in
# time is served meanwhile.

my $c = visitor();
my $whole = $c->build('POST', '/2fa/login', body => bob($c),
                      headers => [@JSON, @FORM]);
my @slow = map { my $conn = $c->connect;
                 $conn->send(substr $whole, 0, length($whole) - 1 - $_ % 40);
                 $conn } 1 .. 300;
is($t->client(ip => fresh_ip())->login('bob')->stage, 'full',
   '[attack 61] 300 forms that do not come: others are served');
my %got;
$got{ $_->response->status }++ for @slow;
is_deeply([ sort keys %got ], [ $got{408} ? 408 : 0 ],
          '[attack 61] and are given up') or diag explain \%got;
$_->close for @slow;
is(() = $t->redis->keys("totp:tries*$c->{ip}*"), 0,
   '[attack 61] [attack 104] none of them counted');


# In two pieces, cut at each byte; in chunks of one byte.

$c = visitor();
my $body = bob($c, [next => '/a b?c&d']);
$whole = $c->build('POST', '/2fa/login', body => $body,
                   headers => [@JSON, @FORM]);
my @cuts = 1 .. length($whole) - 1;
my $all = @cuts;
%got = ();
while (my @some = splice @cuts, 0, 60) {
    my @conn = map { $c->{ip} = fresh_ip(); [$c->connect, $_] } @some;
    $_->[0]->send(substr $whole, 0, $_->[1]) for @conn;
    nap(0.03);
    $_->[0]->send(substr $whole, $_->[1]) for @conn;
    for (@conn) {
        my $r = $_->[0]->response;
        $got{ join ' ', $r->status, $r->stage, $r->target }++;
        $_->[0]->close;
    }
}
is_deeply(\%got, { '200 full /' => $all },
          '[attack 62] cut at each byte, it is the same form')
    or diag explain \%got;

$c = visitor();
my $conn = $c->connect;
$conn->send($c->build('POST', '/2fa/login', headers => [@JSON, @FORM,
    'Transfer-Encoding' => 'chunked'])
    . join('', map { "1\r\n$_\r\n" } split //, bob($c)) . "0\r\n\r\n");
is($conn->response->stage, 'full', '[attack 62] in chunks of one byte');
$conn->close;


# Types.

$body = bob($c = visitor());
for my $type ('application/json', 'text/plain', 'multipart/form-data; boundary=x',
              'multipart/form-data', 'application/x-www-form-urlencoded; charset=utf-16',
              'application/x-www-form-urlencoded; charset=utf-8; charset=utf-16',
              'application/x-www-form-urlencoded; boundary=',
              'application/x-www-form-urlencoded, text/plain',
              'application/x-www-form-urlencoded;',
              'application/x-www-form-urlencoded; charset=', '', ' ')
{
    my $r = $c->request('POST', '/2fa/login', body => $body,
                        headers => [@JSON, 'Content-Type' => $type]);
    is_error($r, 415, 'bad_type', "[attack 63] type '$type'");
}
for my $second ($FORM[1], 'text/plain') {
    # nginx refuses two, or takes the first for the type
    my $c = visitor();
    my $r = $c->request('POST', '/2fa/login', body => bob($c), headers => [@JSON,
        'Content-Type' => 'text/plain', 'Content-Type' => $second]);
    ok($r->status == 400 || $r->error eq 'bad_type',
       "[attack 63] two types, the second is $second: " . $r->status);
}
for my $type ('APPLICATION/X-WWW-FORM-URLENCODED',
              'application/x-www-form-urlencoded ; charset="UTF-8"')
{
    my $c = visitor();
    is($c->request('POST', '/2fa/login', body => bob($c), headers => [@JSON,
        'Content-Type' => $type])->stage, 'full', "[attack 63] type $type");
}


# Fields.

sub form {
    my ($more) = @_;
    my $c = visitor();
    return $c->request('POST', '/2fa/login', body => bob($c) . $more,
                       headers => [@JSON, @FORM]);
}

for my $more ('&username=bob', '&username=alice', '&username', '&password=',
              '&csrf=', '&%75sername=x', '&a=1&a=2', '&=x&=y', '&a&a=',
              '&' . join '&', map { "f$_" } 1 .. 1000)
{
    is_error(form($more), 400, 'bad_request',
             '[attack 64] twice, or too many: ' . substr $more, 0, 20);
}
is_error(form('&' . join '&', map { "f$_=$_" } 1 .. 10_000), 413, 'too_large',
         '[attack 64] 10,000 fields');
for my $more ('&user[]=a', '&username[]=alice', '&USERNAME=alice',
              '&Username=alice&PASSWORD=x', '&=x', '&&&', '&x', '&username+=x',
              '&+username=x', '&stage=full', '&user=alice&method=totp')
{
    my $r = form($more);
    is($r->stage . ' ' . ($r->json->{user} || ''), 'full bob',
       "[attack 64] what is no field of ours: $more");
}
for my $none ('', 'username=bob', 'password=x', 'username[]=bob&password[]=x') {
    my $c = visitor();
    is_error($c->request('POST', '/2fa/login', headers => [@JSON, @FORM],
        body => $none . ($none ne '' && '&') . 'csrf=' . uri_escape($c->{csrf})),
        400, 'bad_request', "[attack 64] a field too few: $none");
}

for my $more ('&next=%', '&next=/%2', '&next=/%zz', '&next=/%u0041', '&next=/%00',
              '&n=%', '&%=n', '&x=%c', '&x=%0', '&x=%-1', '&x=%+1', "&x=\0",
              '&x=% 41')
{
    is_error(form($more), 400, 'bad_request',
             '[attack 65] percent: ' . $more =~ s/\0/\\0/r);
}
is(form('&next=/a%252fb%2Bc+d')->stage, 'full', '[attack 65] decoded once');
for my $pair (['a+b', 'a b'], ['a%2Bb', 'a+b']) {
    my ($sent, $name) = @$pair;
    my $c = visitor();
    $c->request('POST', '/2fa/login', headers => [@JSON, @FORM],
        body => "username=$sent&password=x&csrf=" . uri_escape($c->{csrf}));
    my $key = 'totp:tries:{default:' . uri_escape($name) . '}';
    is($t->redis->cmd('GET', $key), 1, "[attack 65] $sent is '$name'");
}
$c = visitor();
is_error($c->request('POST', '/2fa/login', headers => [@JSON, @FORM],
    body => 'username=%ff%fe&password=x&csrf=' . uri_escape($c->{csrf})),
    401, 'bad_credentials', '[attack 65] a name that is not UTF-8');


# Without anything.

for my $page (qw(login code setup backup-codes disable logout)) {
    my $r = $alice->request('POST', "/2fa/$page", headers => [@JSON]);
    is_error($r, 415, 'bad_type', "[attack 66] $page: neither length nor type");
    $r = $alice->request('POST', "/2fa/$page", body => '', headers => [@JSON, @FORM]);
    is_error($r, 403, 'bad_csrf', "[attack 66] $page: an empty form");
    $r = $alice->request('POST', "/2fa/$page", headers => [@JSON, @FORM]);
    is_error($r, 403, 'bad_csrf', "[attack 66] $page: a form without a length");
}
$c = visitor();
for my $case (['both lengths', 400, 'Content-Length' => 5,
               'Transfer-Encoding' => 'chunked'],
              ['xchunked', 501, 'Transfer-Encoding' => 'xchunked'],
              ['identity, chunked', 501, 'Transfer-Encoding' => 'identity, chunked'],
              ['two lengths', 400, 'Content-Length' => 5, 'Content-Length' => 6])
{
    my ($name, $status, @h) = @$case;
    my $conn = $c->connect;
    $conn->send($c->build('POST', '/2fa/login', keep => 1,
                          headers => [@JSON, @FORM, @h]) . "0\r\n\r\n");
    is($conn->response->status, $status, "[attack 66] $name");
    ok($conn->closed, '[attack 66] and the connection ends');
    $conn->close;
}


# A request within a body: each answer of ours reads it, or ends the connection;
# the next one gets its own answer.

$t->app->reset;
my $half = $t->client(port => 'few');
$half->login('alice');
$half->code($t->otp('alice')->wrong_code);

my $inner = "GET /secret-inner HTTP/1.1\r\nHost: x\r\nCookie: "
          . $alice->cookie_header . "\r\n\r\n";
my $n = visitor();
for my $case (
    ['303', 303, $n, 'GET', '/a', Accept => 'text/html'],
    ['303 of the portal', 303, $n, 'GET', '/2fa/settings', Accept => 'text/html'],
    ['401', 401, $n, 'GET', '/a', @JSON], ['401', 401, $n, 'DELETE', '/a', @JSON],
    ['401', 401, $n, 'POST', '/a', @JSON], ['401', 401, $n, 'PROPFIND', '/a', @JSON],
    ['401, a page', 401, $n, 'POST', '/a', Accept => 'text/html'],
    ['200 of a page', 200, $n, 'GET', '/2fa/login', @JSON],
    ['401 of the portal', 401, $n, 'GET', '/2fa/settings', @JSON],
    ['403', 403, $n, 'POST', '/2fa/login', @JSON, @FORM],
    ['403 of nginx', 403, $alice, 'POST', '/deny', @JSON],
    ['404', 404, $n, 'GET', '/2fa/none', @JSON],
    ['405', 405, $n, 'PUT', '/2fa/login', @JSON, @FORM],
    ['405', 405, $n, 'OPTIONS', '/2fa/login', @JSON],
    ['413', 413, $n, 'POST', '/2fa/login', @JSON, @FORM],
    ['415', 415, $n, 'POST', '/2fa/login', @JSON, 'Content-Type' => 'text/plain'],
    ['429', 429, $half, 'POST', '/2fa/code', @JSON, @FORM],
) {
    my ($name, $status, $who, $method, $path, @h) = @$case;
    my $body = $inner;
    $body = "csrf=" . uri_escape($who->{csrf}) . "&code=123456&x=$inner"
        if $status == 429;
    $body .= 'x' x 9000 . $inner if $status == 413;

    for my $chunked (0, 1) {
        my $conn = $who->connect;
        my $sent = $chunked
            ? sprintf("%x\r\n%s\r\n0\r\n\r\n", length $body, $body) : $body;
        $conn->send($who->build($method, $path, keep => 1, headers => [@h,
            $chunked ? ('Transfer-Encoding' => 'chunked')
                     : ('Content-Length' => length $body)])
            . $sent . $t->client->build('GET', '/ping?own', keep => 1));
        my $r = $conn->response;
        my $what = "[attack 67] $method $path, $name"
                 . ($chunked ? ', chunked' : '');
        is($r->status, $status, $what);
        my $next = $conn->response;
        if ($next->status) {
            is($next->json->{uri}, '/ping?own', "$what: then its own answer");
            is($next->status, 200, "$what: of 200");
        } else {
            is($r->header('Connection'), 'close', "$what: then the end, as said");
        }
        $conn->close;
    }
}

$t->redis->freeze;
{
    my $who = visitor();
    my $conn = $who->connect;
    my $body = "csrf=" . uri_escape($who->{csrf})
             . "&username=bob&password=x&x=$inner";
    $conn->send($who->build('POST', '/2fa/login', keep => 1, headers => [@JSON,
        @FORM, 'Content-Length' => length $body]) . $body
        . $t->client->build('GET', '/ping?own', keep => 1));
    is_error($conn->response, 503, 'unavailable', '[attack 67] 503');
    is($conn->response->json->{uri}, '/ping?own',
       '[attack 67] 503: then its own answer');
    $conn->close;
}
$t->redis->thaw;

is(scalar(grep { $_->{uri} =~ /inner/ } $t->app->requests), 0,
   '[attack 67] no request within a body reached the application');

$t->finish;

done_testing;
