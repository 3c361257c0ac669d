# The module loads, also beside Debian's nchan module, which brings another
# hiredis; what nginx -t refuses, and what it warns of.

use Totp::Test;
use POSIX ();

my $t = Totp::Test->new(users => ['alice'], nodes => 0);

my ($rc, $out) = $t->config_test;
is($rc, 0, 'the configuration of PRODUCT.md passes nginx -t') or diag $out;


# Beside nchan, first and last: loads, and talks to Redis.

my ($nchan) = grep { -e } map { "$_/ngx_nchan_module.so" }
              '/usr/lib/nginx/modules', '/usr/share/nginx/modules';
ok($nchan, 'nchan is installed (libnginx-mod-nchan)');

for my $side (qw(before after)) {
    my $node = $t->add_node("nchan$side", $side => [$nchan]);

    ok(eval { $node->start }, "starts with nchan loaded $side the module")
        or diag $@;
    next unless $node->{pid};

    my $c = $t->client(node => "nchan$side");
    my $r = $c->sign_in('alice');
    if (!$t->otp('alice')) {
        is($r->stage, 'full', "signs in with nchan loaded $side");
        $c->ready('alice');
    } else {
        is($r->stage, 'full', "signs in with nchan loaded $side, by code");
    }
    through($c->get('/x'), "and gets through");
}


# What is wrong is named: directive, file and line.

sub bad {
    my ($name, $like, %o) = @_;

    my ($rc, $out) = $t->config_test(%o);

    isnt($rc, 0, "refused: $name");
    like($out, $like, "$name: the message says it");
    like($out, qr/conftest\/nginx\.conf:\d+/, "$name: file and line are named");
}

my $gate = $t->default_server;

sub with { return (server => "$gate\n        $_[0]\n") }

bad('duplicate directive', qr/"totp" directive is duplicate/,
    with('totp off;'));
bad('unknown value', qr/invalid value "maybe"/,
    server => 'totp maybe;');
bad('totp_redis twice', qr/"totp_redis" directive is duplicate/,
    http => 'totp_redis 127.0.0.1:6379;');
bad('totp_redis in a server', qr/"totp_redis" directive is not allowed here/,
    with('totp_redis 127.0.0.1:6379;'));
bad('totp_keys in a server', qr/"totp_keys" directive is not allowed here/,
    with('totp_keys x;'));
bad('totp_portal in a server', qr/"totp_portal" directive is not allowed here/,
    server => 'totp_portal;');
bad('an unknown parameter of totp_redis', qr/totp_redis|foo=bar/,
    defaults => { redis => 'totp_redis unix:%DIR%/redis/redis.sock foo=bar;' });
bad('an algorithm that is none', qr/md5/, with('totp_algorithm md5;'));
bad('seven digits', qr/totp_digits|"7"/, with('totp_digits 7;'));
bad('a period that is no time', qr/totp_period|"soon"/,
    with('totp_period soon;'));
bad('a period of nothing', qr/totp_period/, with('totp_period 0;'));
bad('a skew that is no number', qr/totp_skew|"-1"/, with('totp_skew -1;'));
bad('no attempts at all', qr/totp_attempts/, with('totp_attempts 0 5m;'));
bad('attempts without a time', qr/totp_attempts/, with('totp_attempts 5;'));
bad('a time that is none', qr/totp_session_timeout|"x"/,
    with('totp_session_timeout x;'));
bad('a zone without a size', qr/totp_zone/, http => 'totp_zone totp;');
bad('a zone too small to be one', qr/totp_zone|too small/,
    http => 'totp_zone totp:1;');
bad('no threads', qr/totp_threads/, http => 'totp_threads 0;');

bad('a portal in a regular expression', qr/totp_portal/,
    server => 'totp on; location ~ ^/2fa/ { totp_portal; }');
bad('a portal in a named location', qr/totp_portal/,
    server => 'totp on; location @portal { totp_portal; }');

bad('two first factors in one realm', qr/realm/,
    with('location /other/ { totp_password_file %DIR%/other; proxy_pass http://%APP%; }'))
    if spew("$t->{dir}/other", "alice:{PLAIN}x\n", 0644);

bad('__Host- with secure=off', qr/__Host-/,
    defaults => { cookie => 'totp_cookie __Host-totp secure=off;' });
bad('__Host- with a domain', qr/__Host-/,
    defaults => { cookie => 'totp_cookie __Host-totp domain=example.com;' });
bad('__Secure- with secure=off', qr/__Secure-/,
    defaults => { cookie => 'totp_cookie __Secure-totp secure=off;' });
bad('an unknown samesite', qr/samesite/,
    defaults => { cookie => 'totp_cookie totp secure=off samesite=none;' });


# What the gate cannot do without.

for my $what (qw(keys redis password_file)) {
    my ($rc, $out) = $t->config_test(defaults => { $what => undef });
    isnt($rc, 0, "refused: no totp_$what");
    like($out, qr/totp_$what|first factor/, "no totp_$what: it is named");
}


# A secret in the wrong place is not repeated.

my $typed = 'hunter2' . 'x' x 40;

for my $line ([redis => "totp_redis unix:%DIR%/redis/redis.sock password=$typed;"],
              [redis => "totp_redis redis://:$typed\@localhost;"],
              [redis => "totp_redis :$typed\@localhost:6379;"],
              [keys => "totp_keys k1:$typed=;"])
{
    my ($rc, $out) = $t->config_test(defaults => { @$line });
    isnt($rc, 0, "refused: a secret at totp_$line->[0]");
    like($out, qr/totp_$line->[0].*(?:password_file=|name of a file)/,
         'which says where it belongs');
    unlike($out, qr/hunter2/, 'without telling it');
}


# The keyring.

sub keyfile {
    my ($name, $text, $mode, $like) = @_;

    my $path = spew("$t->{dir}/bad.keys", $text, $mode);
    bad("[attack 102] $name", $like, defaults => { keys => "totp_keys $path;" });
    my (undef, $out) = $t->config_test(
        defaults => { keys => "totp_keys $path;" });
    my ($key) = $text =~ /:(\S{20,})/;
    unlike($out, qr/\Q$key/, "[attack 102] $name: the message does not show the key")
        if defined $key;
}

my $key = b64(random_bytes(32));

keyfile('a world-readable keyring', "k1:$key\n", 0644, qr/bad\.keys/);
keyfile('an empty keyring', '', 0600, qr/bad\.keys/);
keyfile('a key of 31 bytes', 'k1:' . b64(random_bytes(31)) . "\n", 0600,
        qr/bad\.keys/);
keyfile('a key of 33 bytes', 'k1:' . b64(random_bytes(33)) . "\n", 0600,
        qr/bad\.keys/);
keyfile('a line without an id', "$key\n", 0600, qr/bad\.keys/);
keyfile('a key that is no base64', "k1:" . ('!' x 44) . "\n", 0600,
        qr/bad\.keys/);
keyfile('one id twice', "k1:$key\nk1:" . b64(random_bytes(32)) . "\n", 0600,
        qr/bad\.keys/);
keyfile('an id of odd characters', "k 1:$key\n", 0600, qr/bad\.keys/);
keyfile('more after the key', "k1:$key x\n", 0600, qr/bad\.keys/);
keyfile('a key that all may write', "k1:$key\n", 0622, qr/bad\.keys/);

mkdir "$t->{dir}/dir.keys", 0700;
bad('[attack 102] a directory', qr/dir\.keys/,
    defaults => { keys => 'totp_keys %DIR%/dir.keys;' });
POSIX::mkfifo("$t->{dir}/fifo.keys", 0600) or die $!;
bad('[attack 102] a FIFO, without waiting for it', qr/fifo\.keys/,
    defaults => { keys => 'totp_keys %DIR%/fifo.keys;' });
spew("$t->{dir}/open.keys", "k1:$key\n", 0644);
symlink "$t->{dir}/open.keys", "$t->{dir}/open-link.keys";
bad('[attack 102] a link to a world-readable keyring', qr/open-link\.keys/,
    defaults => { keys => 'totp_keys %DIR%/open-link.keys;' });

for my $case (['no newline at the end', "k1:$key"], ['CRLF', "k1:$key\r\nk2:"
               . b64(random_bytes(32)) . "\r\n"], ['empty lines', "\n\nk1:$key\n\n"])
{
    my ($name, $text) = @$case;
    spew("$t->{dir}/fine.keys", $text, 0600);
    my ($rc, $out) = $t->config_test(
        defaults => { keys => 'totp_keys %DIR%/fine.keys;' });
    is($rc, 0, "[attack 102] $name is nothing to refuse") or diag $out;
}


# A reload with a bad keyring: the old configuration keeps running.

{
    my $node = $t->node('nchanafter');
    my $c = $t->client(node => 'nchanafter');
    $c->sign_in('alice');
    my $good = slurp("$t->{dir}/totp.keys");
    for my $bad ('', "k1:short\n") {
        spew("$t->{dir}/totp.keys", $bad, 0600);
        $node->mark;
        $node->signal('HUP');
        ok(wait_until(sub { $node->since =~ /\[emerg\].*totp\.keys/ }, 5),
           '[attack 102] a reload with a bad keyring');
        through($c->get('/x'), '[attack 102] changes nothing');
    }
    spew("$t->{dir}/totp.keys", $good, 0600);
    push @{ $t->{allow} }, qr/\[emerg\].*totp\.keys/;
    ok($node->reload, '[attack 102] the good one loads again');
    through($c->get('/x'), '[attack 102] and the session goes on');
}

($rc, $out) = $t->config_test(
    defaults => { keys => 'totp_keys %DIR%/no-such.keys;' });
isnt($rc, 0, '[attack 102] refused: no keys file');
like($out, qr/no-such\.keys/, 'no keys file: it is named');
like($out, qr/openssl|base64|urandom/, 'and the command that makes one');

spew("$t->{dir}/two.keys", "new:" . b64(random_bytes(32)) . "\nk1:$key\n", 0600);
symlink "$t->{dir}/two.keys", "$t->{dir}/link.keys";
($rc, $out) = $t->config_test(
    defaults => { keys => 'totp_keys %DIR%/link.keys;' });
is($rc, 0, '[attack 102] two keys, by a symbolic link') or diag $out;


# What is unsafe is warned of.

sub warned {
    my ($name, $like, %o) = @_;

    my ($rc, $out) = $t->config_test(%o);

    is($rc, 0, "passes: $name") or diag $out;
    like($out, qr/\[warn\].*$like/, "warned of: $name");
}

warned('a secure cookie on a server without TLS', qr/secure|TLS|ssl/i,
    defaults => { cookie => undef });
warned('a gate whose portal is not in the server', qr/portal/,
    server => 'totp on; location / { proxy_pass http://%APP%; }');
warned('Redis in plain text off this host', qr/redis/i,
    defaults => { redis => 'totp_redis 192.0.2.1:6379;' });

($rc, $out) = $t->config_test;
unlike($out, qr/\[warn\]/, 'no warning without a reason');


# Every directive that is not of later versions, at its documented contexts.

my $all = <<'END';
    totp_issuer             "Example $host";
    totp_portal_uri         /2fa/;
    totp_algorithm          sha256;
    totp_digits             8;
    totp_period             60s;
    totp_backup_codes       8;
    totp_backup_codes_display  1m;
    totp_login_timeout      5m;
    totp_session_timeout    30m;
    totp_session_lifetime   12h;
    totp_fresh              5m;
    totp_attempts           5 5m;
    totp_help               "Call the help desk.";
END

for my $context (qw(http server location)) {
    my %o = (server => $gate);
    if ($context eq 'http') { $o{http} = $all }
    if ($context eq 'server') { $o{server} = $gate =~ s/totp_issuer.*\n//r . $all }
    if ($context eq 'location') {
        $o{server} = $gate . "location /all/ { $all proxy_pass http://%APP%; }";
    }
    my ($rc, $out) = $t->config_test(%o);
    is($rc, 0, "the directives in $context") or diag $out;
}

($rc, $out) = $t->config_test(http => <<'END');
    totp_redis_connect_timeout  500ms;
    totp_redis_timeout          1s;
    totp_zone                   gate:8m;
    totp_threads                4 max_queue=128;
    totp_offline                2h;
END
is($rc, 0, 'the directives of http alone') or diag $out;

($rc, $out) = $t->config_test(
    main => 'thread_pool totp threads=3 max_queue=7;');
is($rc, 0, "a thread_pool of the user's own") or diag $out;

$t->finish;

done_testing;
