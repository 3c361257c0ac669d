# nginx' own features beside the module.  The same requests go to an nginx that
# does not have the module, to one where it is loaded and off in this server
# while another server has it on, and to a server where it is on, with a full
# session.  Status, headers, bodies and what the application saw are the same,
# byte for byte; what differs by intent is named here, and nothing else does.

use Totp::Test;

use Digest::MD5 qw(md5_hex);


my $features = <<'END';
        root                  %DIR%/www;
        client_max_body_size  1m;
        error_page            414 494 /files/b.txt;
        proxy_http_version    1.1;

        location / { proxy_pass http://%APP%; }

        # access

        location /basic {
            auth_basic "Old"; auth_basic_user_file %DIR%/basic;
            proxy_pass http://%APP%;
        }
        location /req-yes {
            auth_request      /auth-200;
            auth_request_set  $who $upstream_http_x_who;
            proxy_pass        http://%APP%;
            proxy_set_header  X-Who $who;
        }
        location /req-no  { auth_request /auth-403; proxy_pass http://%APP%; }
        location /req-401 { auth_request /auth-401; proxy_pass http://%APP%; }
        location /req-500 { auth_request /auth-500; proxy_pass http://%APP%; }
        location ~ ^/auth-(\d+)$ {
            internal;
            proxy_pass               http://%APP%/auth?status=$1&h=X-Who:%20old;
            proxy_pass_request_body  off;
            proxy_set_header         Content-Length "";
            proxy_set_header         X-Original-URI $request_uri;
        }
        location /allow { allow 127.0.0.0/8; deny all; proxy_pass http://%APP%; }
        location /deny  { allow 192.0.2.1; deny all; proxy_pass http://%APP%; }
        location /any {
            satisfy any; deny all;
            auth_basic "Old"; auth_basic_user_file %DIR%/basic;
            proxy_pass http://%APP%;
        }
        location /any-req {
            satisfy any; deny all; auth_request /auth-200;
            proxy_pass http://%APP%;
        }
        location /all {
            satisfy all; allow 127.0.0.1; deny all;
            auth_basic "Old"; auth_basic_user_file %DIR%/basic;
            proxy_pass http://%APP%;
        }
        location /limit-except {
            limit_except GET { deny all; }
            proxy_pass http://%APP%;
        }
        location /internal { internal; proxy_pass http://%APP%; }
        location /if {
            if ($arg_x = 1) { return 418 "teapot\n"; }
            if ($arg_x = 2) { add_header X-If two; }
            proxy_pass http://%APP%;
        }
        location /referer {
            valid_referers beside.test;
            if ($invalid_referer) { return 403; }
            proxy_pass http://%APP%;
        }

        # errors and ways from one location to another

        location /ep-404   { error_page 404 /files/a.txt;
                             proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep-200   { error_page 404 =200 /files/a.txt;
                             proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep-app   { error_page 404 = /from-error;
                             proxy_intercept_errors on; proxy_pass http://%APP%; }
        location /ep-named { error_page 403 = @named; deny all; }
        location /ep-url   { error_page 403 =302 http://other.test/; deny all; }
        location /ep-dead  { error_page 502 504 @named;
                             proxy_pass http://127.0.0.1:%PORT_dead%; }
        location /ep-deep  { error_page 403 /ep-200?status=404;
                             recursive_error_pages on; deny all; }
        location /ep-basic { error_page 401 /files/a.txt; auth_basic "Old";
                             auth_basic_user_file %DIR%/basic; }
        location /dead     { proxy_pass http://127.0.0.1:%PORT_dead%; }
        location @named    { proxy_pass http://%APP%; }
        location /try      { try_files $uri $uri.txt $uri/ @named; }
        location /try-404  { try_files $uri =404; }
        location /try-app  { try_files $uri /from-try?x=$arg_x; }
        location /rw       { rewrite ^/rw/(.*)$ /files/$1 last; }
        location /rw-break { rewrite ^ /broken break; proxy_pass http://%APP%; }
        location /moved    { rewrite ^ /files/a.txt permanent; }
        location /found    { return 302 /files/; }
        location /text     { default_type text/plain; return 200 "text $uri\n"; }
        location /gone     { return 410; }
        location /loop     { rewrite ^ /loop last; }
        location /post-action { post_action /after; proxy_pass http://%APP%; }
        location /xa/      { alias %DIR%/www/files/; internal; }

        # bodies of responses

        location /ssi/     { ssi on; }
        location /sub-app  { proxy_pass http://%APP%; proxy_set_header X-Sub 1; }
        location /mirror   { mirror /copy; proxy_pass http://%APP%; }
        location = /copy   { internal; proxy_pass http://%APP%/copied$request_uri; }
        location /mirror-bare { mirror /copy-bare; mirror_request_body off;
                                proxy_pass http://%APP%; }
        location = /copy-bare { internal; proxy_set_header Content-Length "";
                                proxy_pass http://%APP%/copied$request_uri; }
        location /add/     { add_before_body /files/b.txt;
                             add_after_body /sub-app;
                             addition_types *; alias %DIR%/www/files/; }
        location /sub/     { sub_filter first "1st"; sub_filter_once off;
                             sub_filter_types *; alias %DIR%/www/files/; }
        location /gz       { gzip on; gzip_types *; gzip_min_length 1;
                             gzip_proxied any; gzip_vary on;
                             proxy_pass http://%APP%; }
        location /gz-static/ { gzip on; gzip_types *; alias %DIR%/www/files/; }
        location /files/   { }
        location /index/   { }
        location /list/    { autoindex on; }
        location /charset/ { charset utf-8; source_charset old;
                             alias %DIR%/www/files/; }
        location /aio/     { aio threads; sendfile off; output_buffers 2 16k;
                             alias %DIR%/www/files/; }
        location /slice    { slice 1k; proxy_set_header Range $slice_range;
                             proxy_pass http://%APP%; }
        location /dav/     { dav_methods PUT DELETE MKCOL; create_full_put_path on;
                             alias %PREFIX%/dav-$server_port/; }
        location /exp      { expires 1h; add_header X-Added yes always;
                             proxy_pass http://%APP%; }
        location /exp-epoch { expires epoch; proxy_pass http://%APP%; }
        location /etag-off { etag off; if_modified_since before;
                             alias %DIR%/www/files/a.txt; }

        # proxying

        location /unbuffered { proxy_buffering off; proxy_pass http://%APP%; }
        location /stream     { proxy_request_buffering off; proxy_pass http://%APP%; }
        location /memory     { client_body_buffer_size 512k; proxy_pass http://%APP%; }
        location /single     { client_body_in_single_buffer on;
                               client_body_buffer_size 512k;
                               proxy_set_body "<$request_body>";
                               proxy_pass http://%APP%; }
        location /on-disk    { client_body_in_file_only clean;
                               proxy_pass http://%APP%; }
        location /http10     { proxy_http_version 1.0; proxy_pass http://%APP%; }
        location /small      { client_max_body_size 10; proxy_pass http://%APP%; }
        location /small-page { client_max_body_size 10; error_page 413 /files/b.txt;
                               proxy_pass http://%APP%; }
        location /ws {
            proxy_pass        http://%APP%;
            proxy_set_header  Upgrade $http_upgrade;
            proxy_set_header  Connection $connection_upgrade;
        }
        location /cache {
            proxy_cache            z;
            proxy_cache_key        $server_port$request_uri;
            proxy_cache_valid      200 1h;
            proxy_cache_revalidate on;
            proxy_force_ranges     on;
            add_header             X-Cache $upstream_cache_status;
            proxy_pass             http://%APP%;
        }
        location /no-headers  { proxy_pass_request_headers off;
                                proxy_pass http://%APP%; }
        location /own-cookie  { proxy_set_header Cookie "own=$cookie_a";
                                proxy_pass http://%APP%; }
        location /cookie-vars { add_header X-A "[$cookie_a]";
                                add_header X-All "[$http_cookie]";
                                proxy_cookie_path / "/; secure";
                                proxy_pass http://%APP%; }
        location /limit       { limit_req zone=slow; proxy_pass http://%APP%; }
        location /realip {
            set_real_ip_from  127.0.0.0/8;
            real_ip_header    X-Forwarded-For;
            proxy_set_header  X-Real "$remote_addr";
            proxy_set_header  X-Forwarded-For $proxy_add_x_forwarded_for;
            proxy_pass        http://%APP%;
        }
        location /realip-deny {
            set_real_ip_from  127.0.0.0/8;
            deny 192.0.2.7; allow all;
            proxy_pass http://%APP%;
        }
        location /status { stub_status; }
END

my $zones = <<'END';
    map $http_upgrade $connection_upgrade { default upgrade; "" close; }
    limit_req_zone    $server_port$uri zone=slow:1m rate=1r/m;
    proxy_cache_path  %PREFIX%/cache keys_zone=z:1m;
    charset_map       old utf-8 { D0 D0BF; D2 D180; }
    types             { text/html html; text/plain txt; }
END

sub server {
    my ($name, $more) = @_;

    return <<"END";
    server {
        listen       127.0.0.1:%PORT_$name%;
        listen       127.0.0.1:%PORT_${name}_h2% http2;
        server_name  beside.test;
        real_ip_header  X-Real-IP;
$more$features    }
END
}

my $on = "        totp on;\n        location /2fa/ { totp_portal; }\n";

my $t = Totp::Test->new(users => ['alice'], nodes => 0, http => $zones);

www();

my $bare = $t->add_node('bare', bare => 1, server => '',
                        servers => server('plain', ''));
my $gate = $t->add_node('gate', servers => server('off', '')
    . server('on', $on)
    . server('old', '        totp_session_timeout ' . 12 * slow() . "s;\n$on"));

$_->start for $bare, $gate;

my $alice = $t->client(node => 'gate', port => 'on')->ready('alice');
my $session = $alice->cookie;

my %columns = (
    plain => { node => $bare, port => 'plain' },
    off   => { node => $gate, port => 'off' },
    on    => { node => $gate, port => 'on', session => $session },
);


# Files with one time, so that Last-Modified and ETag do not tell nodes apart.

sub www {
    my $www = $t->dir . '/www';

    mkdir "$www$_" for '', '/files', '/ssi', '/index', '/list', '/list/deep', '/files/deep';
    spew("$www/files/a.txt", join '', map { "line $_, first to last\n" } 1 .. 200);
    spew("$www/files/b.txt", "before\n");
    spew("$www/files/big.bin", join '', map { md5_hex($_) } 1 .. 6000);
    spew("$www/files/koi.html", "<p>\xd0\xd2\xc9\xd7\xc5\xd4</p>\n");
    spew("$www/files/empty", '');
    spew("$www/try.txt", "tried\n");
    spew("$www/index/index.html", "<p>index</p>\n");
    spew("$www/list/one", 'one');
    spew("$www/ssi/page.html", <<'END');
<!--#set var="v" value="set" --><p><!--#echo var="v" -->
<!--#echo var="http_cookie" default="no cookie" -->
<!--#include virtual="/files/b.txt" --><!--#include virtual="/sub-app?text=one" -->
<!--#include virtual="/sub-app?text=two" wait="yes" --><!--#include file="part.html" -->
<!--#if expr="$arg_x = 1" -->yes<!--#else -->no<!--#endif --></p>
END
    spew("$www/ssi/part.html", "part\n");
    spew($t->dir . '/basic', "old:{PLAIN}basic-pw\n", 0644);
    utime 1700000000, 1700000000, $_
        for glob("$www/* $www/*/* $www/*/*/*"), $www;

    return;
}


# The bytes of a request; the cookies of the session come last.  headers and
# body as in Totp::Client, cookies: lines of the request's own.

sub bytes {
    my ($column, $method, $path, %o) = @_;

    my @cookies = @{ $o{cookies} || [] };
    push @cookies, pop(@cookies) . "; totp=$column->{session}"
        if $column->{session} && @cookies;
    push @cookies, "totp=$column->{session}"
        if $column->{session} && !@cookies;

    return "$method $path HTTP/1.1\r\n"
        . ($o{no_host} ? '' : "Host: beside.test\r\n")
        . join('', map { "Cookie: $_\r\n" } @cookies)
        . ($o{keep} ? '' : "Connection: close\r\n")
        . (defined $o{body} && !$o{chunked}
           ? 'Content-Length: ' . length($o{body}) . "\r\n" : '')
        . ($o{chunked} ? "Transfer-Encoding: chunked\r\n" : '')
        . join('', map { "$_\r\n" } @{ $o{headers} || [] })
        . "\r\n"
        . ($o{chunked} ? chunked($o{body}) : defined $o{body} ? $o{body} : '');
}


sub chunked {
    my ($body) = @_;

    return join('', map { sprintf "%x\r\n%s\r\n", length, $_ }
                    unpack '(a3000)*', $body) . "0\r\n\r\n";
}


# What a response is, but for what the clock and the port make of it.

sub text {
    my ($column, $r) = @_;

    my $head = $r->status ? $r->{head} : '(closed)';
    return join '', map({ "$_\n" } @{ $r->{interim} }),
                timeless($column, "$head\r\n"), "\r\n", $r->body;
}


sub timeless {
    my ($column, $head) = @_;

    my $port = $column->{node}->port($column->{port});
    my $h2 = $column->{node}->port("$column->{port}_h2");

    $head =~ s/^Date: .*\n//mi;
    $head =~ s/^(Expires: )\w+, \d+ \w+ 20[2-9].*/$1later/mi;
    $head =~ s/:(?:$port|$h2)\b/:PORT/g;

    return $head;
}


sub connection {
    my ($column) = @_;

    return Totp::Client->new(port => $column->{node}->port($column->{port}))
                       ->connect;
}


# A case: a name, and what it does with a column; gives the text that has to
# be the same.

my @cases;

sub does { my ($name, $code, %o) = @_;
    push @cases, { name => $name, code => $code, %o }; return }

sub one {
    my ($name, $method, $path, %o) = @_;

    does($name, sub {
        my ($column) = @_;

        my $c = connection($column);
        $c->send(bytes($column, $method, $path, %o));
        my $r = $c->response(head => $method eq 'HEAD');
        $c->close;

        return $o{numbers} ? text($column, $r) =~ s/\d+/N/gr
                           : text($column, $r);
    }, %o);

    return;
}

sub get { my ($name, $path, @headers) = @_;
    return one($name, 'GET', $path, headers => \@headers) }


# Bytes as they are, with the session where they say COOKIE.

sub raw {
    my ($name, $bytes, %o) = @_;

    does($name, sub {
        my ($column) = @_;

        my $s = $bytes;
        my $line = $column->{session}
            ? "Cookie: totp=$column->{session}\r\n" : '';
        $s =~ s/COOKIE\r\n/$line/g;

        my $c = connection($column);
        $c->send($s);
        my $text = join "\n--\n", map { text($column, $c->response) }
                                  1 .. ($o{responses} || 1);
        $c->close;

        return $text;
    }, %o);

    return;
}


my $basic = 'Authorization: Basic ' . b64('old:basic-pw');
my $wrong = 'Authorization: Basic ' . b64('old:wrong');

get('proxied', '/a?x=1&y=%2F%20');
one('HEAD', 'HEAD', '/a');
one('POST', 'POST', '/a', body => 'a=1&b=2',
    headers => ['Content-Type: application/x-www-form-urlencoded']);
one('another method', 'PROPFIND', '/a', body => '<x/>');
one('OPTIONS', 'OPTIONS', '/a');
get("the application's statuses", "/a?status=$_") for 201, 204, 304, 404, 418, 500;
get("the application's headers", '/a?h=ETag:%20%22x%22&h=Set-Cookie:%20a=1'
    . '&h=Set-Cookie:%20totpx=2&h=Cache-Control:%20public&h=X-Odd:%20%E2%82%AC'
    . '&h=Vary:%20Cookie&h=WWW-Authenticate:%20Basic');
get("the application's X-Accel headers", '/a?h=X-Accel-Expires:%2010'
    . '&h=X-Accel-Charset:%20utf-8&h=X-Accel-Buffering:%20no'
    . '&h=Content-Type:%20text/html');

get('auth_basic, nobody', '/basic');
get('auth_basic, right', '/basic', $basic);
get('auth_basic, wrong', '/basic', $wrong);
one('auth_basic, HEAD', 'HEAD', '/basic');
one('auth_basic, POST', 'POST', '/basic', body => 'x' x 50000);
get("auth_request: $_", "/req-$_") for qw(yes no 401 500);
one('auth_request and a body', 'POST', '/req-yes', body => 'x' x 50000);
get('allow', '/allow');
get('deny', '/deny');
one('satisfy any, nobody', 'GET', '/any', on => 200);
one('satisfy any, wrong', 'GET', '/any', headers => [$wrong], on => 200);
get('satisfy any, Basic', '/any', $basic);
get('satisfy any, auth_request', '/any-req');
get('satisfy all, half', '/all');
get('satisfy all', '/all', $basic);
get('limit_except, GET', '/limit-except');
one('limit_except, POST', 'POST', '/limit-except', body => 'x');
get('internal from outside', '/internal');
get("if: $_", "/if?x=$_") for 0 .. 2;
get('referer, none', '/referer');
get('referer', '/referer', 'Referer: http://beside.test/');

get('error_page', '/ep-404?status=404');
get('error_page =200', '/ep-200?status=404');
get('error_page to the application', '/ep-app?status=404');
one('error_page and a body', 'POST', '/ep-app?status=404', body => 'x' x 50000);
get('error_page to a named location', '/ep-named');
get('error_page to another host', '/ep-url');
get('error_page when the application is dead', '/ep-dead');
get('error_page of an error_page', '/ep-deep');
get('error_page 401', '/ep-basic');
get('a dead application', '/dead');
get("try_files: $_", $_) for qw(/try /try/none /try-404/x /try-app/x?x=1);
get('rewrite', '/rw/a.txt');
get('rewrite break', '/rw-break?q=1');
get('rewrite permanent', '/moved');
get('rewrite without end', '/loop');
get("return: $_", $_) for qw(/found /text/x /gone);
one('post_action', 'GET', '/post-action', upstream => 2);
get('X-Accel-Redirect to a file', '/a?h=X-Accel-Redirect:%20/xa/a.txt'
    . '&h=Set-Cookie:%20a=1');
get('X-Accel-Redirect to the application', '/a?h=X-Accel-Redirect:%20/second');
get('X-Accel-Redirect to a named location',
    '/a?h=X-Accel-Redirect:%20%40named');
one('X-Accel-Redirect after a POST', 'POST', '/a?h=X-Accel-Redirect:%20/second',
    body => 'a=1');

get('a file', '/files/a.txt');
get('a large file', '/files/big.bin');
get('an empty file', '/files/empty');
one('HEAD of a file', 'HEAD', '/files/a.txt');
get('no such file', '/list/none');
get('a directory without its slash', '/files/deep');
get('a directory', '/files/');
get('autoindex', '/list/');
get('index', '/index/');
one('POST to a file', 'POST', '/index/index.html', body => 'x');
get('Range', '/files/a.txt', 'Range: bytes=10-29');
get('the last bytes', '/files/a.txt', 'Range: bytes=-5');
get('a range that is none', '/files/a.txt', 'Range: bytes=999999-');
get('If-Modified-Since', '/files/a.txt',
    'If-Modified-Since: Tue, 14 Nov 2023 22:13:20 GMT');
get('If-Unmodified-Since', '/files/a.txt',
    'If-Unmodified-Since: Tue, 14 Nov 2003 22:13:20 GMT');
my $etag = sprintf '"%x-%x"', 1700000000, -s $t->dir . '/www/files/a.txt';
get('If-None-Match', '/files/a.txt', "If-None-Match: $etag");
get('If-None-Match, another', '/files/a.txt', 'If-None-Match: "x"');
get('If-Match', '/files/a.txt', 'If-Match: "x"');
get('If-Range', '/files/a.txt', "If-Range: $etag", 'Range: bytes=0-3');
get('etag off', '/etag-off');
get('charset', '/charset/koi.html');
get('aio threads', '/aio/big.bin');
get('a range with aio', '/aio/big.bin', 'Range: bytes=100000-299999');
get('SSI', '/ssi/page.html?x=1');
one('SSI with cookies', 'GET', '/ssi/page.html', cookies => ['a=1; xtotp=2']);
get('addition', '/add/a.txt');
get('sub_filter', '/sub/a.txt');
get('gzip', '/gz?text=' . 'a' x 500, 'Accept-Encoding: gzip');
get('gzip, not asked for', '/gz?text=' . 'a' x 500);
get('gzip of a file', '/gz-static/big.bin', 'Accept-Encoding: gzip');
get('slice', '/slice?status=206&h=Content-Range:%20bytes%200-3/4&text=abcd');
get('expires and add_header', '/exp');
get('the same for an error', '/exp?status=404');
get('expires epoch', '/exp-epoch');
one("dav: $_->[0] $_->[1]", $_->[0], "/dav/$_->[1]", body => $_->[2],
    headers => ['Date: Tue, 14 Nov 2023 22:13:20 GMT'])
    for ['PUT', 'x/y.txt', 'z' x 40000], ['PUT', 'x/y.txt', 'again'],
        ['MKCOL', 'm/'], ['GET', 'x/y.txt'], ['DELETE', 'x/y.txt'],
        ['DELETE', 'x/y.txt'];

one('mirror', 'POST', '/mirror', body => 'm' x 30000, cookies => ['a=1'],
    upstream => 2);
one('mirror without the body', 'POST', '/mirror-bare', body => 'm' x 30000,
    cookies => ['a=1'], upstream => 2);
get('proxy_buffering off', '/unbuffered');
get('proxy_cache, first', '/cache?h=ETag:%20%22x%22');
get('proxy_cache, second', '/cache?h=ETag:%20%22x%22');
one('proxy_cache, HEAD', 'HEAD', '/cache?h=ETag:%20%22x%22');
get('proxy_cache, If-None-Match', '/cache?h=ETag:%20%22x%22',
    'If-None-Match: "x"');
get('proxy_cache, Range', '/cache?h=ETag:%20%22x%22', 'Range: bytes=0-9');
get('proxy_cache, a response with a cookie', '/cache?h=Set-Cookie:%20a=1')
    for 1 .. 2;
get('no request headers', '/no-headers');
get('limit_req, first', '/limit');
get('limit_req, second', '/limit');
get('realip', '/realip', 'X-Forwarded-For: 192.0.2.7');
get('realip, not one of its', '/realip', 'X-Real-IP: 192.0.2.7');
get('realip and deny', '/realip-deny', 'X-Real-IP: 192.0.2.7');
one('stub_status', 'GET', '/status', numbers => 1);

# cookies

for my $case (
    ['one', 'a=1'],
    ['names like ours', 'xtotp=1; totpx=2; TOTP=3; Totp=4; totp-x=5; __Host-totp=6'],
    ['odd ones', 'e=; =f; g; h=1=2=3; i="a; b=c"; j={"k":[1,2]}'],
    ['odd separators', ' a=1;b=2 ;;  c=3 ; ;'],
    ['bytes', "u=\xc3\xa9\xff\t; v=\x01"],
    ['commas', 'a=1, b=2,totp=3'],
    ['two lines', 'a=1; b=2', 'c=3'],
    ['three lines', 'a=1', 'a=2', 'xtotp=3; a=4'],
    ['a long one', 'l=' . 'x' x 3000],
    ['an escaped name', 'tot%70=1'],
    ['an array', 'a[totp]=1; totp.x=2; $Version=1; $Path=/'],
) {
    my ($name, @lines) = @$case;
    one("cookies: $name", 'GET', '/a', cookies => \@lines);
    one("variables of cookies: $name", 'GET', '/cookie-vars?h=Set-Cookie:%20b=1;'
        . '%20path=/', cookies => \@lines) if @lines == 1;
}
one('a cookie of its own', 'GET', '/own-cookie', cookies => ['a=1; b=2']);


# bodies of requests

one("a body: $_->[0]", 'POST', $_->[1], body => 'b' x 100000, @$_[2 .. $#$_])
    for ['on disk', '/a'], ['in memory', '/memory'], ['in one buffer', '/single'],
        ['in a file', '/on-disk'], ['as it comes', '/stream'],
        ['not buffered either way', '/unbuffered'], ['over HTTP/1.0', '/http10'],
        ['chunked', '/a', chunked => 1], ['chunked, memory', '/memory', chunked => 1],
        ['chunked, as it comes', '/stream', chunked => 1],
        ['chunked, HTTP/1.0', '/http10', chunked => 1];
one('an empty body', 'POST', '/a', body => '');
one('an empty chunked body', 'POST', '/a', body => '', chunked => 1);
one('a body with GET', 'GET', '/a', body => 'x');
one('too large', 'POST', '/small', body => 'x' x 11);
one('too large, error_page', 'POST', '/small-page', body => 'x' x 11);
one('too large, chunked', 'POST', '/small', body => 'x' x 11, chunked => 1);


# connections

my $host = "Host: beside.test\r\n";

raw('keep-alive and pipelining', join('',
    "GET /a HTTP/1.1\r\n${host}COOKIE\r\n\r\n",
    "POST /a HTTP/1.1\r\n${host}COOKIE\r\nContent-Length: 3\r\n\r\nabc",
    "GET /files/b.txt HTTP/1.1\r\n${host}COOKIE\r\n\r\n",
    "POST /deny HTTP/1.1\r\n${host}COOKIE\r\nContent-Length: 3\r\n\r\nabc",
    "GET /a HTTP/1.1\r\n${host}COOKIE\r\nCookie: a=1\r\n\r\n"), responses => 5);
raw('HTTP/1.0', "GET /a HTTP/1.0\r\nCOOKIE\r\n\r\n");
raw('HTTP/1.0, keep-alive',
    "GET /files/b.txt HTTP/1.0\r\nCOOKIE\r\nConnection: keep-alive\r\n\r\n" x 2,
    responses => 2);
raw('a whole address', "GET http://beside.test/a HTTP/1.1\r\n${host}COOKIE\r\n"
    . "Connection: close\r\n\r\n");
raw('no host', "GET /a HTTP/1.1\r\nCOOKIE\r\nConnection: close\r\n\r\n");
raw('two hosts', "GET /a HTTP/1.1\r\n$host${host}COOKIE\r\n\r\n");
raw('no request', "nonsense\r\n\r\n");
raw('a version that is none', "GET /a HTTP/9.9\r\n${host}COOKIE\r\n\r\n");
raw('a bad length', "POST /a HTTP/1.1\r\n${host}COOKIE\r\nContent-Length: -1\r\n\r\n");
raw('two framings', "POST /a HTTP/1.1\r\n${host}COOKIE\r\nContent-Length: 1\r\n"
    . "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n");
raw('an unknown framing', "POST /a HTTP/1.1\r\n${host}COOKIE\r\n"
    . "Transfer-Encoding: gzip\r\n\r\n");
raw('a broken chunk', "POST /a HTTP/1.1\r\n${host}COOKIE\r\n"
    . "Transfer-Encoding: chunked\r\n\r\nxyz\r\n");
raw('TRACE', "TRACE /a HTTP/1.1\r\n${host}COOKIE\r\n\r\n");
raw('CONNECT', "CONNECT beside.test:443 HTTP/1.1\r\n${host}COOKIE\r\n\r\n");
raw('a long address, error_page',
    'GET /' . 'x' x 9000 . " HTTP/1.1\r\n${host}COOKIE\r\n\r\n", on => 401);
raw('a long header, error_page', "GET /a HTTP/1.1\r\n${host}COOKIE\r\nX-Long: " . 'x' x 9000
    . "\r\n\r\n");
raw('a NUL', "GET /a%00b HTTP/1.1\r\n${host}COOKIE\r\n\r\n");
raw('an odd header', "GET /a HTTP/1.1\r\n${host}COOKIE\r\nod_d: 1\r\nX- y: 2\r\n"
    . "Connection: close\r\n\r\n");
raw('many headers', "GET /a HTTP/1.1\r\n${host}COOKIE\r\n"
    . join('', map { "X-$_: $_\r\n" } 1 .. 90) . "Connection: close\r\n\r\n");

for my $path ('/a', '/deny', '/stream', '/small') {
    does("Expect: 100-continue, $path", sub {
        my ($column) = @_;

        my $c = connection($column);
        $c->send(bytes($column, 'POST', $path,
                       headers => ['Expect: 100-continue', 'Content-Length: 20']));
        my $text = $c->bytes(12);
        $c->send('b' x 20) if $text =~ / 100\z/;
        $c->{buf} = $text . $c->{buf};
        $text = text($column, $c->response);
        $c->close;

        return $text;
    });
}

does('a WebSocket', sub {
    my ($column) = @_;

    my $c = connection($column);
    $c->send(bytes($column, 'GET', '/ws', keep => 1, cookies => ['a=1'],
        headers => ['Upgrade: websocket', 'Connection: Upgrade',
                    'Sec-WebSocket-Version: 13',
                    'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==']));
    my $text = text($column, $c->response);
    for my $frame ("\x81\x05hello", "\x82\x7e\x10\x00" . 'y' x 4096) {
        $c->send($frame);
        $text .= $c->bytes(length $frame);
    }
    $c->close;

    return $text;
});


# HTTP/2

for my $case (
    ['GET', '/a?x=1'], ['HEAD', '/a', '-I'], ['a file', '/files/a.txt'],
    ['Range', '/files/big.bin', '-r', '5-25'], ['auth_basic', '/basic'],
    ['auth_basic, right', '/basic', '-H', $basic], ['deny', '/deny'],
    ['POST', '/a', '--data-binary', '@%DIR%/www/files/a.txt'],
    ['a large POST', '/stream', '--data-binary', '@%DIR%/www/files/big.bin'],
    ['gzip', '/gz-static/a.txt', '-H', 'Accept-Encoding: gzip'],
    ['SSI', '/ssi/page.html'], ['PUT', '/dav/h2.txt', '-X', 'PUT', '-d', 'x'],
    ['cookies', '/a', '-H', 'Cookie: a=1; xtotp=2'],
) {
    my ($name, $path, @args) = @$case;

    does("HTTP/2: $name", sub {
        my ($column) = @_;

        my $port = $column->{node}->port("$column->{port}_h2");
        my @cmd = (tool('curl'), qw(-s -i -m), seconds(20),
                   '--http2-prior-knowledge', '-H', 'Host: beside.test',
                   map { s/%DIR%/$t->dir/er } @args);
        push @cmd, '-H', "Cookie: totp=$column->{session}" if $column->{session};

        open my $fh, '-|', @cmd, "http://127.0.0.1:$port$path" or die "curl: $!";
        binmode $fh;
        local $/;
        my $text = <$fh>;
        close $fh;

        return timeless($column, $text);
    });
}


# What the application saw, as far as it is the same with luck: parallel
# requests in any order.

sub seen {
    return join "\n==\n", sort map { $_->{raw} } $t->app->requests;
}

sub asked {
    my ($case, $column) = @_;

    $t->app->forget;
    my $text = $case->{code}->($column);
    wait_until(sub { $t->app->hits >= ($case->{upstream} || 0) });

    return ($text, seen());
}

sub same {
    my ($got, $want, $name) = @_;

    return 1 if $got eq $want;

    my $at = 0;
    $at++ while substr($got, $at, 1) eq substr($want, $at, 1);
    my $from = $at > 100 ? $at - 100 : 0;
    diag("$name differs at byte $at:\n--- without the module\n"
         . substr($want, $from, 400) . "\n--- with it\n"
         . substr $got, $from, 400);

    return 0;
}

# What shows that a feature was at work; a status is that of the answer.

my %shows = (
    'auth_basic, nobody' => 401, 'auth_basic, right' => 200,
    'auth_request: yes' => qr/^X-Who: old\r$/m, 'auth_request: no' => 403,
    'auth_request: 401' => 401, 'auth_request: 500' => 500,
    'deny' => 403, 'satisfy any, Basic' => 200, 'satisfy any, auth_request' => 200,
    'satisfy all, half' => 401, 'satisfy all' => 200,
    'limit_except, POST' => 403, 'internal from outside' => 404,
    'if: 1' => 418, 'if: 2' => qr/^X-If: two/m,
    'referer, none' => 403, 'referer' => 200,
    'error_page' => qr/\AHTTP.* 404 .*line 200/s,
    'error_page =200' => qr/\AHTTP.* 200 .*line 200/s,
    'error_page to the application' => qr{^GET /from-error }m,
    'error_page to a named location' => qr{^GET /ep-named }m,
    'error_page to another host' => qr{^Location: http://other.test/}m,
    'error_page when the application is dead' => qr{^GET /ep-dead }m,
    'error_page of an error_page' => qr/line 200/,
    'error_page 401' => qr/\AHTTP.* 401 .*line 200/s, 'a dead application' => 502,
    'try_files: /try' => qr/tried/, 'try_files: /try/none' => qr{^GET /try/none }m,
    'try_files: /try-404/x' => 404,
    'try_files: /try-app/x?x=1' => qr{^GET /from-try\?x=1 }m,
    'rewrite' => qr/line 200/, 'rewrite break' => qr{^GET /broken\?q=1 }m,
    'rewrite without end' => 500, 'post_action' => qr{^GET /after }m,
    'X-Accel-Redirect to a file' => qr/^Set-Cookie: a=1.*line 200/ms,
    'X-Accel-Redirect to the application' => qr{^GET /second }m,
    'an empty file' => 200, 'a directory without its slash' => 301,
    'autoindex' => qr{deep/}, 'index' => qr/<p>index/, 'POST to a file' => 405,
    'Range' => 206, 'a range that is none' => 416, 'If-Modified-Since' => 304,
    'If-Unmodified-Since' => 412, 'If-None-Match' => 304, 'If-Match' => 412,
    'If-Range' => 206, 'charset' => qr/\xd0\xbf\xd1\x80/, 'a range with aio' => 206,
    'SSI' => qr/<p>set\nno cookie\nbefore\none\ntwopart\n\nyes/,
    'addition' => qr{before\nline 1,.*"uri":"/sub-app"}s,
    'sub_filter' => qr/line 1, 1st/, 'gzip' => qr/^Content-Encoding: gzip/m,
    'slice' => qr/^Range: bytes=0-1023\r$/m, 'dav: MKCOL m/' => 201,
    'expires and add_header' => qr/^Expires: later.*^X-Added: yes/ms,
    'mirror' => qr{^POST /copied/mirror .*m{30000}.*m{30000}}ms,
    'mirror without the body' => qr{^POST /copied/mirror-bare }m,
    'proxy_cache, second' => qr/^X-Cache: HIT/m,
    'proxy_cache, If-None-Match' => 304, 'proxy_cache, Range' => 206,
    'limit_req, second' => 503, 'realip and deny' => 403,
    'stub_status' => qr/Active connections/,
    'a body: in one buffer' => qr/^<b{60000}/m,
    'a body: chunked, HTTP/1.0' => qr/b{60000}/, 'too large' => 413,
    'too large, error_page' => qr/\AHTTP.* 413 .*before/s,
    'keep-alive and pipelining' => qr/\n--\n.*\n--\n.*before.*\n--\n.* 403 .*a=1/s,
    'HTTP/1.0, keep-alive' => qr/before\n\n--\nHTTP.*before/s, 'no host' => 400,
    'an unknown framing' => 501, 'TRACE' => 405, 'a broken chunk' => 400,
    'a long address, error_page' => qr/\AHTTP.* 414 .*before/s,
    'a long header, error_page' => qr/\AHTTP.* 400 .*before/s,
    'Expect: 100-continue, /a' => qr/\A100\nHTTP.* 200 .*b{20}/s,
    'a WebSocket' => qr/ 101 .*hello.*y{4096}/s, 'HTTP/2: Range' => qr{\AHTTP/2 206},
    'HTTP/2: gzip' => qr/^content-encoding: gzip/m,
    'HTTP/2: a large POST' => qr/\w{60000}/,
);

for my $case (@cases) {
    my $name = $case->{name};
    my ($text, $seen) = asked($case, $columns{plain});
    my $show = delete $shows{$name};

    $show = qr{\AHTTP/1.1 $show } if defined $show && !ref $show;
    like("$text\n$seen", $show, "$name: at work") if $show;
    isnt($text, '', "$name: an answer") if !$show;

    for my $with (qw(off on)) {
        my ($got, $saw) = asked($case, $columns{$with});

        if ($with eq 'on' && $case->{on}) {
            like($got, qr{\AHTTP/1.1 $case->{on} }, "$name: $case->{on} if on");
            next;
        }

        ok(same($got, $text, "the answer ($with)")
           & same($saw, $seen, "what the application saw ($with)"),
           "$name: $with");
    }
}


is_deeply([sort keys %shows], [], 'each of these was a case');


# The differences that are meant.  Where the module is, its own cookies do not
# reach an application, also where the gate is off.

for my $case (
    ['a=1; totp=forged; b=2', 'a=1; b=2'],
    ['totp=forged', undef],
    ['a=1; totp=; xtotp=2', 'a=1; xtotp=2'],
) {
    my ($sent, $want) = @$case;

    for my $name (qw(plain off)) {
        my (undef, $saw) = asked({ code => sub {
            my ($column) = @_;
            my $c = connection($column);
            $c->send(bytes($column, 'GET', '/a', cookies => [$sent]));
            my $text = text($column, $c->response);
            $c->close;
            return $text;
        } }, $columns{$name});
        my ($cookie) = $saw =~ /^Cookie: (.*?)\r$/m;

        is($cookie, $name eq 'plain' ? $sent : $want,
           "our cookies, $name: $sent");
    }
}


# A session that is due is renewed: Set-Cookie, and "private" where nothing
# says it yet.  A response that a shared cache may keep stays as it is.

my $signed = $t->client(node => 'gate', port => 'old');
$signed->sign_in('alice');
my $old = { node => $gate, port => 'old', session => $signed->cookie };
my ($from, $renewed) = (now());

ok(due(), 'the session is due');

# The one at hand, or the last renewed one before it ends.

sub due {
    if ($renewed) {
        return 1 if now() - $from < seconds(6);
        $old->{session} = $renewed;
        $from = now();
    }

    return wait_until(sub {
        my $c = connection($old);
        $c->send(bytes($old, 'GET', '/files/b.txt'));
        my $cookie = $c->response->set_cookie('totp');
        $c->close;
        return $cookie && ($renewed = $cookie->{value});
    }, 10, 0.1);
}

my $p = '/a?h=Cache-Control:%20';

for my $case (
    ['a proxied answer', 'private', '/a'],
    ['cookies of the application', 'private', '/a?h=Set-Cookie:%20a=1'],
    ['private', 'cookie', "${p}private"],
    ['no-store', 'cookie', "${p}no-store"],
    ['no-cache', 'private', "${p}no-cache"],
    ['public', 'same', "${p}public"],
    ['max-age', 'same', "${p}max-age=60"],
    ['private and max-age', 'cookie', "${p}private,%20max-age=60"],
    ['expires', 'same', '/exp'],
    ['expires epoch', 'private', '/exp-epoch'],
    ['a redirect', 'private', '/a?status=302&h=Location:%20/x'],
    ['an error of the application', 'private', '/a?status=500'],
    ['proxy_buffering off', 'private', '/unbuffered'],
    ['a file', 'private', '/files/a.txt'],
    ['Range', 'private', '/files/a.txt', headers => ['Range: bytes=0-9']],
    ['304', 'private', '/files/a.txt', headers => ["If-None-Match: $etag"]],
    ['404', 'private', '/files/none'],
    ['a directory', 'private', '/files/deep'],
    ['gzip', 'private', '/gz-static/a.txt', headers => ['Accept-Encoding: gzip']],
    ['SSI', 'private', '/ssi/page.html'],
    ['addition', 'private', '/add/a.txt'],
    ['try_files', 'private', '/try/none'],
    ['error_page', 'private', '/ep-404?status=404'],
    ['X-Accel-Redirect', 'private', '/a?h=X-Accel-Redirect:%20/xa/a.txt'],
    ['return, before the gate', 'same', '/text/x'],
    ['refused by another', 'same', '/deny'],
    ['a WebSocket', 'same', '/ws',
     headers => ['Upgrade: websocket', 'Connection: Upgrade']],
) {
    my ($name, $want, $path, %o) = @$case;
    due();
    my ($text, $got) = map {
        my $c = connection($_);
        $c->send(bytes($_, 'GET', $path, keep => 1, %o));
        my $answer = text($_, $c->response);
        $c->close;
        $answer;
    } $columns{plain}, $old;

    $renewed = $1 if $got =~ /^Set-Cookie: totp=([^;]+)/m;
    my $cookies = $got =~ s/^Set-Cookie: totp=.*\n//mg || 0;
    is($cookies, $want eq 'same' ? 0 : 1, "renewal, $name: $want");
    $got =~ s/^Cache-Control: private\r?\n//m if $want eq 'private';
    ok(same($got, $text, 'the answer'), "renewal, $name: else the same");
}

$t->finish;

done_testing;
